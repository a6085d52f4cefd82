#include "bench/sweep_cases.h"

#include <bsk/device.h>

namespace bsk::bench {

std::vector<GenerateOptions> matrices(const SweepOptions& options, std::int64_t size) {
    std::vector<GenerateOptions> result;
    for (const Pattern pattern : options.patterns) {
        for (const int block : options.blocks) {
            for (const double density : options.densities) {
                result.push_back({.pattern = pattern,
                                  .m = size,
                                  .k = size,
                                  .block_m = block,
                                  .block_k = block,
                                  .density = density,
                                  .dtype = options.dtype,
                                  .seed = options.seed});
            }
        }
    }
    return result;
}

CaseResult case_result(const GenerateOptions& a, std::int64_t nnzb, std::int64_t n, Layout layout,
                       Device device, const Nvml& nvml) {
    const double elements = static_cast<double>(a.m) * static_cast<double>(a.k);
    CaseResult result;
    result.options = {a, n, a.dtype, layout, layout};
    result.device = device;
    result.model = device_model(device);
    result.driver_version = nvml.driver_version();
    result.nnzb = nnzb;
    result.density = static_cast<double>(nnzb) * a.block_m * a.block_k / elements;
    result.dense_flop = 2.0 * elements * static_cast<double>(n);
    return result;
}

nlohmann::ordered_json plan_json(const CostTerms& terms, double predicted_seconds, bool packs_each_time) {
    return {
        {"variant", terms.variant},
        {"packs_each_time", packs_each_time},
        {"predicted_ms", 1e3 * predicted_seconds},
        {"terms",
         {{"tiles", terms.tiles}, {"steps", terms.steps}, {"units", terms.units}, {"bytes", terms.bytes}}}};
}

}  // namespace bsk::bench
