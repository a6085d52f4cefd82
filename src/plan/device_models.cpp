#include "plan/device_models.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <thread>

#include "base/check.h"

namespace bsk {

namespace {

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

struct NamedModel {
    std::string_view key;
    DeviceModel model;
};

// h200: measured (docs/performance.md). h100: the H200's tensor and L2 rates, its own memory (80 GB HBM3,
// 3.35 TB/s by the datasheet, 90 % of it sustained). a100, l4: 85 % of the datasheet's dense fp16 rate and 90
// % of its bandwidth; L2 rates by sm_count and clock from the H200's 64 bytes a clock and SM.
const std::array<NamedModel, 4>& named_models() {
    static const std::array<NamedModel, 4> models{{
        {"h200", {"NVIDIA H200", DeviceType::cuda, 9, 0, 132, 760, 4200, 8800, 141 * kGiB}},
        {"h100", {"NVIDIA H100", DeviceType::cuda, 9, 0, 132, 760, 3000, 8800, 80 * kGiB}},
        {"a100", {"NVIDIA A100", DeviceType::cuda, 8, 0, 108, 265, 1400, 5000, 40 * kGiB}},
        {"l4", {"NVIDIA L4", DeviceType::cuda, 8, 9, 58, 100, 270, 3000, 24 * kGiB}},
    }};
    return models;
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

}  // namespace

DeviceModel cpu_model() {
    const int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    // 8 fp32 lanes, two fused multiply-adds a cycle at 2.5 GHz: 80 GFLOP/s a thread.
    return {"CPU", DeviceType::cpu, 0, 0, threads, 0.08 * threads, 20, 100, 0};
}

DeviceModel device_model_by_name(const std::string& name) {
    const std::string key = lower(name);
    if (key == "cpu") {
        return cpu_model();
    }
    for (const auto& [known, model] : named_models()) {
        if (key == known) {
            return model;
        }
    }
    fail(ErrorCode::invalid_argument,
         "device \"{}\" is not known; expected one of h200, h100, a100, l4, cpu.", name);
}

void fill_rates(DeviceModel& device) {
    std::string words = fmt::format(" {} ", lower(device.name));  // "NVIDIA L40" is no L4
    std::replace(words.begin(), words.end(), '-', ' ');
    const DeviceModel* closest = nullptr;
    for (const auto& [key, model] : named_models()) {
        if (words.find(fmt::format(" {} ", key)) != std::string::npos) {
            closest = &model;
            break;
        }
        if (closest == nullptr && model.cc_major == device.cc_major) {
            closest = &model;
        }
    }
    if (closest == nullptr) {
        closest = &named_models().front().model;
    }
    const double scale = static_cast<double>(device.sm_count) / closest->sm_count;
    device.tensor_tflops = closest->tensor_tflops * scale;
    device.l2_gbps = closest->l2_gbps * scale;
    device.memory_gbps = closest->memory_gbps;
}

}  // namespace bsk
