#include "cli/bench_table.h"

#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace bsk::cli {
namespace {

using bench::CaseResult;
using bench::Measurement;

std::string error_text(const Measurement& measurement) {
    if (!measurement.error.has_value()) {
        return "another product";
    }
    const std::string figure = fmt::format("{:.1e}", measurement.error->rel_frobenius);
    return measurement.correct() ? figure : figure + " wrong";
}

/// Time of the peer over time of bsk; nothing for bsk itself or where either is not to be trusted.
std::string ratio_text(const CaseResult& result, const Measurement& measurement) {
    const Measurement* own = result.trusted("bsk");
    const Measurement* peer = result.trusted(measurement.implementation);
    if (own == nullptr || peer == nullptr || peer == own) {
        return "-";
    }
    return fmt::format("{:.2f}x", peer->median_ms() / own->median_ms());
}

void print_line(const CaseResult& result, const Measurement& measurement) {
    const double ms = measurement.median_ms();
    const auto& runs = measurement.timing.isolated_ms;
    const auto& full_queue = measurement.timing.back_to_back_ms;
    fmt::print("{:<14} {:>10.4f} {:>19} {:>5} {:>12} {:>9.4g} {:>16.4g} {:>8} {:>15}\n",
               measurement.implementation, ms,
               fmt::format("{:.4f}..{:.4f}", bench::quantile(runs, 0.1), bench::quantile(runs, 0.9)),
               runs.size(), full_queue.has_value() ? fmt::format("{:.4f}", *full_queue) : "-",
               measurement.executed_flop / ms / 1e9, result.dense_flop / ms / 1e9,
               ratio_text(result, measurement), error_text(measurement));
}

void print_share(const bench::ShareOfDenseRate& share) {
    if (share.isolated.has_value()) {
        const std::string full_queue =
            share.back_to_back.has_value() ? fmt::format(" ({:.2f} back to back)", *share.back_to_back) : "";
        fmt::print("bsk executes at {:.2f}{} of cuBLAS's dense rate on random data.\n", *share.isolated,
                   full_queue);
    }
}

void print_overhead(const Measurement& measurement) {
    const std::vector<double>& us = measurement.overhead_us;
    fmt::print("host time of one spmm() call: median {:.2f} us, p10 {:.2f}, p90 {:.2f}, {} calls\n",
               bench::quantile(us, 0.5), bench::quantile(us, 0.1), bench::quantile(us, 0.9), us.size());
}

/// A line a reason.
void print_skipped(const CaseResult& result) {
    std::map<std::string, std::vector<std::string>> by_reason;
    for (const Measurement& measurement : result.measurements) {
        if (!measurement.skipped.empty()) {
            by_reason[measurement.skipped].push_back(measurement.implementation);
        }
    }
    for (const auto& [reason, names] : by_reason) {
        fmt::print("skipped {}: {}\n", fmt::join(names, ", "), reason);
    }
}

}  // namespace

std::string describe(const bench::CaseOptions& options) {
    return fmt::format("{} x {} x {} (m, n, k), blocks {}x{}, {} at density {:g}, {} to {}, B {}, C {}",
                       options.a.m, options.n, options.a.k, options.a.block_m, options.a.block_k,
                       name(options.a.pattern), options.a.density, name(options.a.dtype),
                       name(options.c_dtype), name(options.b_layout), name(options.c_layout));
}

void print_table(const CaseResult& result) {
    fmt::print("\n{}, on {}\n", describe(result.options), result.model.name);
    bool header = false;
    for (const Measurement& measurement : result.measurements) {
        if (!measurement.overhead_us.empty()) {
            print_overhead(measurement);
        }
        if (!measurement.timed()) {
            continue;
        }
        if (!header) {
            fmt::print("{:<14} {:>10} {:>19} {:>5} {:>12} {:>9} {:>16} {:>8} {:>15}\n", "", "", "", "",
                       "back-to-back", "executed", "dense-equivalent", "", "error against");
            fmt::print("{:<14} {:>10} {:>19} {:>5} {:>12} {:>9} {:>16} {:>8} {:>15}\n", "implementation",
                       "median ms", "p10..p90 ms", "runs", "ms", "TFLOP/s", "TFLOP/s", "bsk is", "double");
            header = true;
        }
        print_line(result, measurement);
    }
    print_share(result.share_of_dense_rate(result.measurements.front()));
    print_skipped(result);
}

}  // namespace bsk::cli
