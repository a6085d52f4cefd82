#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <bsk/bsr.h>
#include <bsk/device.h>
#include <bsk/io.h>
#include <bsk/plan.h>

#include "base/check.h"
#include "cli/commands.h"
#include "cli/options.h"

namespace bsk::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kHistogramBins = 10;
constexpr std::int64_t kBarWidth = 50;
constexpr const char* kDefaultBlock = "64";

struct CheckOptions {
    std::string path;
    std::string block;  ///< empty: the file's own, or kDefaultBlock where it has none
    std::string dtype = "float16";
    std::int64_t n = 8192;
    std::string device = "auto";
    bool json = false;
};

/// How many block rows hold `first`..`last` stored blocks.
struct Bin {
    std::int64_t first = 0;
    std::int64_t last = 0;
    std::int64_t block_rows = 0;
};

/// Equal bins from the shortest block row to the longest.
std::vector<Bin> histogram(const BsrMatrix& a, const BsrStatistics& figures) {
    const std::int64_t width = std::max<std::int64_t>(
        1, ceil_div(figures.max_row_blocks - figures.min_row_blocks + 1, kHistogramBins));
    std::vector<Bin> bins;
    for (std::int64_t first = figures.min_row_blocks; first <= figures.max_row_blocks; first += width) {
        bins.push_back({first, std::min(first + width - 1, figures.max_row_blocks), 0});
    }
    for (std::size_t row = 0; row + 1 < a.crow_indices.size(); ++row) {
        const std::int64_t blocks = a.crow_indices[row + 1] - a.crow_indices[row];
        ++bins[static_cast<std::size_t>((blocks - figures.min_row_blocks) / width)].block_rows;
    }
    return bins;
}

BsrMatrix read(const CheckOptions& options) {
    const bool knows_blocks = std::filesystem::path(options.path).extension() == ".safetensors";
    const std::string block = options.block.empty() && !knows_blocks ? kDefaultBlock : options.block;
    const BlockSize size = block.empty() ? BlockSize{} : parse_block(block);
    return read_bsr(options.path, size.m, size.k, dtypes().at(options.dtype));
}

Json check_json(const CheckOptions& options, const BsrMatrix& a) {
    const BsrStatistics figures = statistics(a.view());
    Json bins = Json::array();
    for (const Bin& bin : histogram(a, figures)) {
        bins.push_back({{"first", bin.first}, {"last", bin.last}, {"block_rows", bin.block_rows}});
    }
    const DeviceModel model =
        options.device == "auto" ? device_model(default_device()) : device_model_by_name(options.device);
    const SpmmProblem problem{options.n, a.dtype, Layout::row_major, Layout::row_major, 0, 0};
    const PlanPreview plan = preview_plan(a.view(), problem, model);
    const double seconds = plan.predicted_seconds;
    const double executed =
        2.0 * static_cast<double>(a.nnzb()) * a.block_m * a.block_k * static_cast<double>(options.n);
    const double dense =
        2.0 * static_cast<double>(a.m) * static_cast<double>(a.k) * static_cast<double>(options.n);
    return {{"file", options.path},
            {"format", std::filesystem::path(options.path).extension().string().substr(1)},
            {"m", a.m},
            {"k", a.k},
            {"block_m", a.block_m},
            {"block_k", a.block_k},
            {"dtype", name(a.dtype)},
            {"nnzb", a.nnzb()},
            {"density", figures.density},
            {"fill", figures.fill},
            {"empty_block_rows", figures.empty_block_rows},
            {"min_row_blocks", figures.min_row_blocks},
            {"mean_row_blocks", figures.mean_row_blocks},
            {"max_row_blocks", figures.max_row_blocks},
            {"imbalance", figures.imbalance},
            {"histogram", bins},
            {"plan",
             {{"device", model.name},
              {"n", options.n},
              {"explanation", plan.explanation},
              {"predicted_seconds", seconds},
              {"predicted_executed_tflops", seconds > 0 ? Json(executed / seconds / 1e12) : Json(nullptr)},
              {"predicted_dense_equivalent_tflops",
               seconds > 0 ? Json(dense / seconds / 1e12) : Json(nullptr)}}}};
}

void print_histogram(const Json& bins) {
    std::int64_t most = 1;
    for (const Json& bin : bins) {
        most = std::max(most, bin["block_rows"].get<std::int64_t>());
    }
    fmt::print("\nstored blocks of a block row: number of such block rows\n");
    for (const Json& bin : bins) {
        const auto rows = bin["block_rows"].get<std::int64_t>();
        fmt::print("  {:>6} to {:<6} {:>6} {:#<{}}\n", bin["first"].get<std::int64_t>(),
                   bin["last"].get<std::int64_t>(), rows, "", ceil_div(rows * kBarWidth, most));
    }
}

void print_check(const Json& json) {
    fmt::print("{}: {}, {} x {}, {} blocks of {}x{}, {}\n", json["file"].get<std::string>(),
               json["format"].get<std::string>(), json["m"].get<std::int64_t>(),
               json["k"].get<std::int64_t>(), json["nnzb"].get<std::int64_t>(), json["block_m"].get<int>(),
               json["block_k"].get<int>(), json["dtype"].get<std::string>());
    fmt::print("density {:.4f}, nonzeros fill {:.1f} % of the stored blocks\n", json["density"].get<double>(),
               100 * json["fill"].get<double>());
    fmt::print(
        "blocks of a block row: {} to {}, mean {:.1f}, imbalance {:.2f} (longest over mean), {} empty\n",
        json["min_row_blocks"].get<std::int64_t>(), json["max_row_blocks"].get<std::int64_t>(),
        json["mean_row_blocks"].get<double>(), json["imbalance"].get<double>(),
        json["empty_block_rows"].get<std::int64_t>());
    print_histogram(json["histogram"]);

    const Json& plan = json["plan"];
    fmt::print("\nplan for B of {} columns on {}\n{}\n", plan["n"].get<std::int64_t>(),
               plan["device"].get<std::string>(), plan["explanation"].get<std::string>());
    if (!plan["predicted_dense_equivalent_tflops"].is_null()) {
        fmt::print("That is {:.4g} dense-equivalent TFLOP/s.\n",
                   plan["predicted_dense_equivalent_tflops"].get<double>());
    }
}

int run_check(const CheckOptions& options) {
    const Json json = check_json(options, read(options));
    if (options.json) {
        fmt::print("{}\n", json.dump(2));
    } else {
        print_check(json);
    }
    return kExitOk;
}

}  // namespace

void add_check(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand(
        "check", "Read a matrix file: statistics, the plan that would be made and why, predicted time");
    const auto options = std::make_shared<CheckOptions>();
    command->add_option("FILE", options->path, ".safetensors (BSR), .mtx or .smtx")->required();
    command
        ->add_option(
            "--block", options->block,
            "Block side, or block_m x block_k as in 128x64; default: the file's, or 64 where it has none")
        ->check(kIsBlock);
    command
        ->add_option("--dtype", options->dtype,
                     "Element type of a file that has none: float16, bfloat16 or float32")
        ->check(CLI::IsMember(dtypes()).description(""))
        ->capture_default_str();
    command->add_option("--n", options->n, "Columns of B")->check(kIsSize)->capture_default_str();
    command
        ->add_option("--device", options->device,
                     "Device to plan for, present or not: auto, cpu, h200, h100, a100 or l4")
        ->check(CLI::IsMember({"auto", "cpu", "h200", "h100", "a100", "l4"}).description(""))
        ->capture_default_str();
    command->add_flag("--json", options->json, "Print JSON");
    command->footer(
        "Example:\n  bsk check weights.safetensors --n 8192 --device h200\n"
        "Exit codes: 0 fine, 1 the file cannot be read or is malformed, 2 wrong argument.");
    command->callback([options, &exit_code] { exit_code = run_check(*options); });
}

}  // namespace bsk::cli
