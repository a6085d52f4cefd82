// The cases that host, GPU, command line and Python tests share; the data lies in cases.json.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include <bsk/bsr.h>
#include <bsk/types.h>

namespace bsk::test {

/// One product C = activation(alpha*A*B + beta*R + bias), or a batch. Each field is a key of cases.json, whose "defaults" fill in what a
/// case omits.
struct Case {
    std::string name;  ///< letters, digits and underscores
    std::int64_t m = 0;
    std::int64_t n = 0;
    std::int64_t k = 0;
    int block_m = 0;
    int block_k = 0;
    std::string pattern;  ///< a name of bsk::Pattern, or "explicit": the pattern is in crow and cols
    double density = 0;
    std::vector<std::int32_t> crow;
    std::vector<std::int32_t> cols;
    DType dtype = DType::f16;
    DType c_dtype = DType::f16;  ///< "same" in the file stands for dtype
    Layout b_layout = Layout::row_major;
    Layout c_layout = Layout::row_major;
    std::int64_t b_pad = 0;  ///< ldb is the tightest plus this
    std::int64_t c_pad = 0;
    float alpha = 1.0F;
    float beta = 0.0F;
    Activation activation = Activation::none;
    bool bias = false;
    BiasAxis bias_axis = BiasAxis::row;
    bool residual = false;  ///< what beta scales is a matrix of its own, not C
    std::int64_t batch = 1;
    std::int64_t b_stride = 0;  ///< as in SpmmProblem
    std::int64_t c_stride = 0;
    std::uint64_t seed = 0;
    bool int64_indices = false;
    bool special_values = false;  ///< NaN and infinities among the elements of B
    bool gpu_only = false;        ///< too slow for the double-precision oracle on two cores
    bool sanitize = false;        ///< in the small selection that runs under compute-sanitizer

    friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }
};

/// All cases, in the order of the file.
const std::vector<Case>& battery();

/// Those for which `keep` says so.
template <class Predicate>
std::vector<Case> battery_where(Predicate&& keep) {
    std::vector<Case> kept;
    for (const Case& c : battery()) {
        if (keep(c)) {
            kept.push_back(c);
        }
    }
    return kept;
}

/// The case of that name. @throws std::out_of_range
const Case& battery_case(const std::string& name);

}  // namespace bsk::test
