#include <algorithm>
#include <fstream>

#include <fmt/format.h>

#include <bsk/device.h>

#include "base/check.h"
#include "bench/record.h"
#include "bench/runner.h"
#include "cli/bench_table.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "plan/planner.h"

namespace bsk::cli {
namespace {

using bench::CaseOptions;
using bench::CaseResult;
using bench::Measurement;

constexpr std::int64_t kDefaultSizeCuda = 8192;
constexpr std::int64_t kDefaultSizeCpu = 1024;

struct BenchOptions {
    std::int64_t m = 0;  ///< 0, as in n and k: as `size` says
    std::int64_t n = 0;
    std::int64_t k = 0;
    std::int64_t size = 0;  ///< 0: the device's default
    std::vector<std::string> blocks{"128", "64"};
    std::vector<std::string> dtypes{"float16"};
    std::string c_dtype;  ///< empty: A's
    std::vector<std::string> layouts{"nn"};
    std::string pattern = "uniform";
    double density = 0.22;
    std::uint64_t seed = 0;
    std::string device = "auto";
    std::vector<std::string> peers{"all"};
    std::string records;
    bool json = false;
    bench::RunOptions run;
};

Device parse_device(const std::string& text) {
    if (text == "auto") {
        return default_device();
    }
    if (text == "cpu") {
        return {};
    }
    Device device{DeviceType::cuda, 0};
    const std::string index = text == "cuda" ? "0" : text.starts_with("cuda:") ? text.substr(5) : "";
    require(!index.empty() && index.size() < 4 &&
                std::ranges::all_of(index, [](char c) { return c >= '0' && c <= '9'; }),
            ErrorCode::invalid_argument, "--device is \"{}\"; expected auto, cpu, cuda or cuda:INDEX.", text);
    device.index = std::stoi(index);
    require(cuda_device_count() > 0, ErrorCode::cuda_error,
            "--device is \"{}\", but no CUDA device can be used: {}", text, cuda_unavailable_reason());
    return device;
}

/// "all" and "none", where given, speak for the whole list.
std::vector<std::string> choose_peers(const std::vector<std::string>& names) {
    if (std::ranges::find(names, "all") != names.end()) {
        return bench::peer_names();
    }
    return std::ranges::find(names, "none") != names.end() ? std::vector<std::string>{} : names;
}

/// What --peers takes.
std::vector<std::string> peer_choices() {
    std::vector<std::string> choices{"all", "none"};
    choices.insert(choices.end(), bench::peer_names().begin(), bench::peer_names().end());
    return choices;
}

/// Refuses a case that no kernel computes before any case has run.
void check(const CaseOptions& options) {
    BsrView a;
    a.m = options.a.m;
    a.k = options.a.k;
    a.dtype = options.a.dtype;
    (void)check_problem(a, {.n = options.n, .c_dtype = options.c_dtype});
}

/// Every combination of the listed blocks, dtypes and layouts.
std::vector<CaseOptions> make_cases(const BenchOptions& options) {
    const std::int64_t fallback = options.size > 0                              ? options.size
                                  : options.run.device.type == DeviceType::cuda ? kDefaultSizeCuda
                                                                                : kDefaultSizeCpu;
    const auto size = [&](std::int64_t given) { return given > 0 ? given : fallback; };
    CaseOptions shared;
    shared.n = size(options.n);
    shared.a.m = size(options.m);
    shared.a.k = size(options.k);
    shared.a.pattern = patterns().at(options.pattern);
    shared.a.density = options.density;
    shared.a.seed = options.seed;
    std::vector<CaseOptions> cases;
    for (const std::string& block : options.blocks) {
        for (const std::string& dtype : options.dtypes) {
            for (const std::string& layout : options.layouts) {
                CaseOptions& one = cases.emplace_back(shared);
                one.a.block_m = parse_block(block).m;
                one.a.block_k = parse_block(block).k;
                one.a.dtype = dtypes().at(dtype);
                one.c_dtype = dtypes().at(options.c_dtype.empty() ? dtype : options.c_dtype);
                one.b_layout = layout == "linear" ? Layout::col_major : Layout::row_major;
                one.c_layout = one.b_layout;
                check(one);
            }
        }
    }
    return cases;
}

/// Whether the measurement says anything: an interrupted case leaves implementations without a run.
bool has_figures(const Measurement& measurement) {
    return measurement.timed() || !measurement.skipped.empty() || !measurement.overhead_us.empty();
}

void print_json(const BenchOptions& options, const nlohmann::ordered_json& records) {
    if (options.json) {
        fmt::print("{}\n", records.dump(2));
    }
}

int run_bench(BenchOptions options) {
    options.run.device = parse_device(options.device);
    options.run.peers = choose_peers(options.peers);
    require(!options.run.overhead || options.run.device.type == DeviceType::cuda, ErrorCode::unsupported,
            "--overhead measures an asynchronous launch and needs a CUDA device: {}",
            cuda_unavailable_reason());
    const std::vector<CaseOptions> cases = make_cases(options);
    if (options.run.device.type == DeviceType::cpu) {
        fmt::print(stderr, "Running on the CPU backend{}\n",
                   options.device == "cpu" ? "." : ": " + cuda_unavailable_reason());
    }
    if (!options.records.empty()) {
        require(std::ofstream(options.records, std::ios::app).good(), ErrorCode::file_error,
                "--records: {} cannot be opened for appending.", options.records);
    }
    watch_for_interrupt();

    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    bool wrong = false;
    for (std::size_t i = 0; i < cases.size() && !interrupted(); ++i) {
        fmt::print(stderr, "[{}/{}] {}\n", i + 1, cases.size(), describe(cases[i]));
        const auto progress = [](const std::string& step) { fmt::print(stderr, "  {} ...\n", step); };
        CaseResult result;
        try {
            result = bench::run_case(cases[i], options.run, progress, interrupted());
        } catch (...) {  // what the cases before have measured is not lost
            print_json(options, all);
            throw;
        }
        for (const Measurement& measurement : result.measurements) {
            if (has_figures(measurement)) {
                all.push_back(bench::make_record(result, measurement));
                if (!options.records.empty()) {
                    bench::append_record(options.records, all.back());
                }
            }
        }
        wrong = wrong || !result.measurements.front().correct();
        if (!options.json) {
            print_table(result);
            std::fflush(stdout);
        }
    }
    print_json(options, all);
    if (wrong) {
        fmt::print(stderr, "bsk: the result of bsk is wrong, see the error column.\n");
        return kExitWrongResult;
    }
    if (interrupted()) {
        fmt::print(stderr, "bsk: interrupted; what was measured until then is kept.\n");
        return kExitInterrupted;
    }
    return kExitOk;
}

}  // namespace

void add_bench(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand(
        "bench", "Measure C = A*B beside cuBLAS and cuSPARSE on the same data, launch by launch in turns");
    const auto options = std::make_shared<BenchOptions>();
    command->add_option("--size", options->size, "m, n and k at once; default 8192 on a GPU, 1024 on the CPU")
        ->check(kIsSize);
    command->add_option("--m", options->m, "Rows of A and C")->check(kIsSize);
    command->add_option("--n", options->n, "Columns of B and C")->check(kIsSize);
    command->add_option("--k", options->k, "Columns of A, rows of B")->check(kIsSize);
    command->add_option("--block", options->blocks, "Block sides, or block_m x block_k as in 128x64; a list")
        ->delimiter(',')
        ->check(kIsBlock)
        ->default_str("128,64");
    command->add_option("--density", options->density, "Share of blocks stored")
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str();
    command->add_option("--pattern", options->pattern, "uniform, banded, block_diagonal, power_law or causal")
        ->check(CLI::IsMember(patterns()).description(""))
        ->default_str("uniform");
    command->add_option("--dtype", options->dtypes, "float16, bfloat16, float32; a list")
        ->delimiter(',')
        ->check(CLI::IsMember(dtypes()).description(""))
        ->default_str("float16");
    command->add_option("--c-dtype", options->c_dtype, "Element type of C: A's or float32; default A's")
        ->check(CLI::IsMember(dtypes()).description(""));
    command
        ->add_option("--layout", options->layouts,
                     "nn: B and C row-major; linear: B as X[n, k] and C as Y[n, m]; a list")
        ->delimiter(',')
        ->check(CLI::IsMember({"nn", "linear"}).description(""))
        ->default_str("nn");
    command->add_option("--runs", options->run.timing.runs, "Launches timed of each implementation")
        ->check(CLI::Range(1, 100000))
        ->capture_default_str();
    command
        ->add_option("--time-budget", options->run.timing.budget_seconds,
                     "Seconds to time a case; slow peers get fewer runs, at least 3")
        ->check(CLI::PositiveNumber.description(""))
        ->capture_default_str();
    command
        ->add_option(
            "--peers", options->peers,
            "all, none, or a list of cublas, cublas-dense, cusparse-csr, cusparse-bsr, cusparse-bell")
        ->delimiter(',')
        ->check(CLI::IsMember(peer_choices()).description(""))
        ->default_str("all");
    command->add_option("--device", options->device, "auto, cpu, cuda or cuda:INDEX")->capture_default_str();
    command->add_option("--seed", options->seed, "Seed of A and B")->capture_default_str();
    command->add_option("--records", options->records,
                        "Append one JSON line a measurement to this file after each case");
    command->add_flag("--json", options->json, "Print the records as a JSON array in place of the table");
    command->add_flag("--overhead", options->run.overhead,
                      "Measure the host's time of a spmm() call in place of the products");
    command->footer(
        "Example:\n  bsk bench --size 8192 --block 128,64 --dtype float16,bfloat16 --records h200.jsonl\n"
        "executed TFLOP/s counts stored blocks, dense-equivalent TFLOP/s all of m*n*k; \"bsk is\" is the "
        "peer's time\n"
        "over bsk's for the same product. cublas-dense multiplies another, fully random A and gives cuBLAS's "
        "dense rate.\n"
        "Exit codes: 0 fine, 1 failed (a file, CUDA, memory), 2 wrong argument, 3 the result of bsk is "
        "wrong,\n"
        "130 interrupted by Ctrl-C (what was measured is kept).");
    command->callback([options, &exit_code] { exit_code = run_bench(*options); });
}

}  // namespace bsk::cli
