#include "battery/battery.h"

#include <stdexcept>

#include <nlohmann/json.hpp>

#include "battery/cases_json.h"

namespace bsk::test {

namespace {

using nlohmann::json;

DType dtype_from_name(const std::string& text) {
    for (const DType dtype : {DType::f16, DType::bf16, DType::f32}) {
        if (text == name(dtype)) {
            return dtype;
        }
    }
    throw std::invalid_argument("dtype '" + text + "' in cases.json is unknown");
}

Layout layout_from_name(const std::string& text) {
    for (const Layout layout : {Layout::row_major, Layout::col_major}) {
        if (text == name(layout)) {
            return layout;
        }
    }
    throw std::invalid_argument("layout '" + text + "' in cases.json is unknown");
}

Activation activation_from_name(const std::string& text) {
    for (const Activation activation : {Activation::none, Activation::relu, Activation::gelu_tanh,
                                        Activation::gelu_erf, Activation::silu}) {
        if (text == name(activation)) {
            return activation;
        }
    }
    throw std::invalid_argument("activation '" + text + "' in cases.json is unknown");
}

Case parse_case(const json& defaults, const json& given) {
    json fields = defaults;
    fields.update(given);
    if (fields.size() != defaults.size()) {
        throw std::invalid_argument("a key of this case has no default in cases.json: " + given.dump());
    }
    Case c;
    fields.at("name").get_to(c.name);
    fields.at("m").get_to(c.m);
    fields.at("n").get_to(c.n);
    fields.at("k").get_to(c.k);
    fields.at("block_m").get_to(c.block_m);
    fields.at("block_k").get_to(c.block_k);
    fields.at("pattern").get_to(c.pattern);
    fields.at("density").get_to(c.density);
    fields.at("crow").get_to(c.crow);
    fields.at("cols").get_to(c.cols);
    c.dtype = dtype_from_name(fields.at("dtype"));
    c.c_dtype = fields.at("c_dtype") == "same" ? c.dtype : dtype_from_name(fields.at("c_dtype"));
    c.b_layout = layout_from_name(fields.at("b_layout"));
    c.c_layout = layout_from_name(fields.at("c_layout"));
    fields.at("b_pad").get_to(c.b_pad);
    fields.at("c_pad").get_to(c.c_pad);
    fields.at("alpha").get_to(c.alpha);
    fields.at("beta").get_to(c.beta);
    c.activation = activation_from_name(fields.at("activation"));
    c.bias = fields.at("bias") != "none";
    c.bias_axis = fields.at("bias") == "column" ? BiasAxis::column : BiasAxis::row;
    fields.at("residual").get_to(c.residual);
    fields.at("batch").get_to(c.batch);
    fields.at("b_stride").get_to(c.b_stride);
    fields.at("c_stride").get_to(c.c_stride);
    fields.at("seed").get_to(c.seed);
    fields.at("int64_indices").get_to(c.int64_indices);
    fields.at("special_values").get_to(c.special_values);
    fields.at("gpu_only").get_to(c.gpu_only);
    fields.at("sanitize").get_to(c.sanitize);
    return c;
}

std::vector<Case> read_cases() {
    const json document = json::parse(kCasesJson);
    std::vector<Case> cases;
    for (const json& given : document.at("cases")) {
        cases.push_back(parse_case(document.at("defaults"), given));
    }
    return cases;
}

}  // namespace

const std::vector<Case>& battery() {
    static const std::vector<Case> cases = read_cases();
    return cases;
}

const Case& battery_case(const std::string& name) {
    for (const Case& c : battery()) {
        if (c.name == name) {
            return c;
        }
    }
    throw std::out_of_range("cases.json has no case '" + name + "'");
}

}  // namespace bsk::test
