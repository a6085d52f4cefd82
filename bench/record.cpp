#include "bench/record.h"

#include <cerrno>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/chrono.h>

#include <cuda_runtime_api.h>

#include "base/check.h"

namespace bsk::bench {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json or_null(const std::optional<T>& value) {
    return value.has_value() ? Json(*value) : Json(nullptr);
}

/// 1000*major + 10*minor as CUDA gives versions, in words; null for 0.
Json cuda_version(int version) {
    return version > 0 ? Json(fmt::format("{}.{}", version / 1000, version % 1000 / 10)) : Json(nullptr);
}

Json case_json(const CaseResult& result) {
    const CaseOptions& options = result.options;
    return {{"m", options.a.m},
            {"n", options.n},
            {"k", options.a.k},
            {"block_m", options.a.block_m},
            {"block_k", options.a.block_k},
            {"pattern", name(options.a.pattern)},
            {"density_requested", options.a.density},
            {"density", result.density},
            {"nnzb", result.nnzb},
            {"dtype", name(options.a.dtype)},
            {"c_dtype", name(options.c_dtype)},
            {"b_layout", name(options.b_layout)},
            {"c_layout", name(options.c_layout)},
            {"seed", options.a.seed}};
}

Json environment_json(const CaseResult& result, const Telemetry& load) {
    const DeviceModel& model = result.model;
    const bool cuda = model.type == DeviceType::cuda;
    int runtime = 0;
    cudaRuntimeGetVersion(&runtime);
    return {{"device", cuda ? "cuda" : "cpu"},
            {"name", model.name},
            {"compute_capability",
             cuda ? Json(fmt::format("{}.{}", model.cc_major, model.cc_minor)) : Json(nullptr)},
            {"sm_count", cuda ? Json(model.sm_count) : Json(nullptr)},
            {"driver", or_null(result.driver_version)},
            {"cuda_driver", cuda_version(cuda_driver_version())},
            {"cuda_runtime", cuda_version(runtime)},
            {"sm_clock_mhz", or_null(load.sm_clock_mhz)},
            {"memory_clock_mhz", or_null(load.memory_clock_mhz)},
            {"power_w", or_null(load.power_w)},
            {"temperature_c", or_null(load.temperature_c)},
            {"throttle_reasons", or_null(load.throttle_reasons)}};
}

Json times_json(const Measurement& measurement) {
    const std::vector<double>& ms = measurement.timing.isolated_ms;
    return {{"median_ms", quantile(ms, 0.5)},
            {"p10_ms", quantile(ms, 0.1)},
            {"p90_ms", quantile(ms, 0.9)},
            {"min_ms", ms.front()},
            {"back_to_back_ms", or_null(measurement.timing.back_to_back_ms)},
            {"runs", ms.size()}};
}

Json error_json(const std::optional<ErrorFigures>& error) {
    if (!error.has_value()) {
        return nullptr;
    }
    return {{"rel_frobenius", error->rel_frobenius},
            {"max_abs", error->max_abs},
            {"tolerance", error->tolerance},
            {"correct", error->correct}};
}

Json overhead_json(const std::vector<double>& us) {
    if (us.empty()) {
        return nullptr;
    }
    return {{"median", quantile(us, 0.5)},
            {"p10", quantile(us, 0.1)},
            {"p90", quantile(us, 0.9)},
            {"min", us.front()},
            {"calls", us.size()}};
}

Json source_json() {
    return {{"version", version()},
            {"commit", BSK_COMMIT},
            {"kernels_sha256", BSK_KERNELS_SHA256},
            {"plan_sha256", BSK_PLAN_SHA256}};
}

}  // namespace

Json make_record(const CaseResult& result, const Measurement& measurement) {
    Json record{{"schema_version", kSchemaVersion},
                {"time_utc", fmt::format("{:%FT%TZ}", fmt::gmtime(std::time(nullptr)))},
                {"case", case_json(result)},
                {"implementation", measurement.implementation},
                {"kernel", measurement.kernel},
                {"configuration", measurement.configuration},
                {"skipped", nullptr},
                {"environment", environment_json(result, measurement.timing.load)},
                {"source", source_json()},
                {"error", nullptr},
                {"times", nullptr},
                {"executed_tflops", nullptr},
                {"dense_equivalent_tflops", nullptr},
                {"speedup_over_cublas", nullptr},
                {"share_of_cublas_dense_rate", nullptr},
                {"share_of_cublas_dense_rate_back_to_back", nullptr},
                {"overhead_us", overhead_json(measurement.overhead_us)}};
    if (!measurement.skipped.empty()) {
        record["skipped"] = measurement.skipped;
        return record;
    }
    record["error"] = error_json(measurement.error);
    if (!measurement.timed()) {
        return record;
    }
    const double ms = measurement.median_ms();
    record["times"] = times_json(measurement);
    record["executed_tflops"] = measurement.executed_flop / ms / 1e9;
    record["dense_equivalent_tflops"] = result.dense_flop / ms / 1e9;
    const Measurement* cublas = result.trusted("cublas");
    if (cublas != nullptr && measurement.correct()) {
        record["speedup_over_cublas"] = cublas->median_ms() / ms;
    }
    const ShareOfDenseRate share = result.share_of_dense_rate(measurement);
    record["share_of_cublas_dense_rate"] = or_null(share.isolated);
    record["share_of_cublas_dense_rate_back_to_back"] = or_null(share.back_to_back);
    return record;
}

void append_record(const std::string& path, const Json& record) {
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    require(file >= 0, ErrorCode::file_error, "{} cannot be opened for appending: {}.", path,
            std::strerror(errno));
    const std::string line = record.dump() + '\n';
    const ssize_t written = write(file, line.data(), line.size());
    const int write_error = errno;
    close(file);
    require(written == static_cast<ssize_t>(line.size()), ErrorCode::file_error,
            "{} took {} of {} bytes of a record: {}.", path, written, line.size(),
            written < 0 ? std::strerror(write_error) : "the disk may be full");
}

}  // namespace bsk::bench
