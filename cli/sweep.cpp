#include <memory>

#include <fmt/format.h>

#include "base/check.h"
#include "bench/record.h"
#include "bench/sampled_sweep.h"
#include "bench/sweep.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/options.h"

namespace bsk::cli {
namespace {

struct SweepArguments {
    bench::SweepOptions sweep;
    std::vector<std::string> blocks{"128", "64", "32", "16"};
    std::vector<std::string> pattern_names{"uniform"};
    std::vector<std::string> layouts{"nn"};
    std::string dtype = "float16";
    bool sampled = false;
    std::string records;
};

int run_sweep(SweepArguments arguments) {
    bench::SweepOptions& sweep = arguments.sweep;
    require(cuda_device_count() > 0, ErrorCode::cuda_error, "a sweep needs a CUDA device: {}",
            cuda_unavailable_reason());
    sweep.device = {DeviceType::cuda, 0};
    sweep.dtype = dtypes().at(arguments.dtype);
    for (const std::string& block : arguments.blocks) {
        sweep.blocks.push_back(parse_block(block).m);
    }
    for (const std::string& pattern : arguments.pattern_names) {
        sweep.patterns.push_back(patterns().at(pattern));
    }
    for (const std::string& layout : arguments.layouts) {
        sweep.layouts.push_back(layout == "linear" ? Layout::col_major : Layout::row_major);
    }
    watch_for_interrupt();
    std::int64_t wrong = 0;
    std::int64_t count = 0;
    nlohmann::ordered_json product;
    (arguments.sampled ? bench::sweep_sampled : bench::sweep)(
        sweep,
        [&](const nlohmann::ordered_json& record) {
            bench::append_record(arguments.records, record);
            ++count;
            if (record["case"] != product) {
                product = record["case"];
                fmt::print(stderr, "{} records, now of {}\n", count, product.dump());
            }
            if (!record["error"].is_null() && !record["error"]["correct"].get<bool>()) {
                ++wrong;
                fmt::print(stderr, "wrong: {} {}\n", record["kernel"].dump(), record["case"].dump());
            }
        },
        interrupted());
    fmt::print("{} records, {} wrong\n", count, wrong);
    if (interrupted()) {
        fmt::print(stderr, "bsk: interrupted; what was measured until then is kept.\n");
    }
    return wrong > 0 ? kExitWrongResult : interrupted() ? kExitInterrupted : kExitOk;
}

}  // namespace

void add_sweep(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand(
        "sweep",
        "Measure every kernel, and cuBLAS on the expanded A, over a grid of products: what the cost model is "
        "fitted to");
    const auto arguments = std::make_shared<SweepArguments>();
    bench::SweepOptions& sweep = arguments->sweep;
    sweep.sizes = {2048, 4096, 8192};
    sweep.ns = {16, 64, 128, 512, 2048, 8192};
    sweep.densities = {0.05, 0.1, 0.22, 0.5, 0.9};
    sweep.timing.budget_seconds = 0.1;
    command->add_option("--size", sweep.sizes, "m and k at once; a list")
        ->delimiter(',')
        ->check(kIsSize)
        ->capture_default_str();
    command->add_option("--n", sweep.ns, "Columns of B and C; a list")
        ->delimiter(',')
        ->check(kIsSize)
        ->capture_default_str();
    command->add_option("--density", sweep.densities, "Share of blocks stored; a list")
        ->delimiter(',')
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str();
    command->add_option("--block", arguments->blocks, "Side of square blocks; a list")
        ->delimiter(',')
        ->check(CLI::IsMember({"16", "32", "64", "128", "256"}).description(""))
        ->capture_default_str();
    command->add_option("--pattern", arguments->pattern_names, "As `bsk bench --pattern`; a list")
        ->delimiter(',')
        ->check(CLI::IsMember(patterns()).description(""))
        ->capture_default_str();
    command->add_option("--layout", arguments->layouts, "nn or linear; a list")
        ->delimiter(',')
        ->check(CLI::IsMember({"nn", "linear"}).description(""))
        ->capture_default_str();
    command->add_flag(
        "--sampled", arguments->sampled,
        "Sampled products instead, by the kernel that the plan chooses; layout linear is that of a "
        "weight's gradient");
    command->add_option("--dtype", arguments->dtype, "float16 or bfloat16")
        ->check(CLI::IsMember({"float16", "bfloat16"}).description(""))
        ->capture_default_str();
    command->add_option("--runs", sweep.timing.runs, "Launches timed of each kernel")
        ->check(CLI::Range(1, 100000))
        ->capture_default_str();
    command->add_option("--time-budget", sweep.timing.budget_seconds, "Seconds to time a product")
        ->check(CLI::PositiveNumber.description(""))
        ->capture_default_str();
    command->add_option("--seed", sweep.seed, "Seed of A and B")->capture_default_str();
    command->add_option("--records", arguments->records, "Append one JSON line a measurement to this file")
        ->required();
    command->footer(
        "Example:\n  bsk sweep --records crossover.jsonl && scripts/fit_cost_model.py crossover.jsonl\n"
        "Exit codes: 0 fine, 1 failed (a file, CUDA, memory), 2 wrong argument, 3 kernels disagree,\n"
        "130 interrupted by Ctrl-C (what was measured is kept).");
    command->callback([arguments, &exit_code] { exit_code = run_sweep(*arguments); });
}

}  // namespace bsk::cli
