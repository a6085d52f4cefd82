#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <bsk/device.h>

#include "cli/commands.h"

namespace bsk::cli {
namespace {

using Json = nlohmann::ordered_json;

/// The CPU first, then the CUDA devices.
std::vector<Device> devices() {
    std::vector<Device> list{Device{}};
    for (int index = 0; index < cuda_device_count(); ++index) {
        list.push_back({DeviceType::cuda, index});
    }
    return list;
}

std::string title(Device device) {
    return device.type == DeviceType::cpu ? "cpu" : fmt::format("cuda:{}", device.index);
}

Json code_json(KernelCode code) {
    switch (code) {
        case KernelCode::native: return "native";
        case KernelCode::ptx: return "ptx";
        case KernelCode::none: break;
    }
    return nullptr;
}

Json device_json(Device device) {
    const DeviceModel model = device_model(device);
    const bool cuda = device.type == DeviceType::cuda;
    Json kernels = Json::array();
    for (const auto& supported : {kernel_support(model), sddmm_kernel_support(model)}) {
        for (const KernelSupport& kernel : supported) {
            kernels.push_back({{"kernel", kernel.kernel},
                               {"needs", kernel.needs},
                               {"built", kernel.built},
                               {"runs", kernel.runs},
                               {"code", code_json(kernel.code)}});
        }
    }
    return {{"device", title(device)},
            {"name", model.name},
            {"compute_capability",
             cuda ? Json(fmt::format("{}.{}", model.cc_major, model.cc_minor)) : Json(nullptr)},
            {cuda ? "sm_count" : "threads", model.sm_count},
            {"memory_bytes", model.memory_bytes},
            {"kernels", kernels}};
}

Json info_json() {
    const int driver = cuda_driver_version();
    const std::string reason = cuda_unavailable_reason();
    Json list = Json::array();
    for (const Device device : devices()) {
        list.push_back(device_json(device));
    }
    return {{"version", version()},
            {"cuda_driver",
             driver > 0 ? Json(fmt::format("{}.{}", driver / 1000, driver % 1000 / 10)) : Json(nullptr)},
            {"cuda_unavailable", reason.empty() ? Json(nullptr) : Json(reason)},
            {"default_device", title(default_device())},
            {"devices", list}};
}

void print_device(Device device, const Json& json) {
    if (device.type == DeviceType::cuda) {
        fmt::print("{}: {}, compute capability {}, {} SMs, {:.1f} GiB\n", title(device),
                   json["name"].get<std::string>(), json["compute_capability"].get<std::string>(),
                   json["sm_count"].get<int>(), json["memory_bytes"].get<double>() / (1 << 30));
    } else {
        fmt::print("{}: {}, {} threads\n", title(device), json["name"].get<std::string>(),
                   json["threads"].get<int>());
    }
    for (const Json& kernel : json["kernels"]) {
        const char* verdict = kernel["code"] == "native"    ? "native"
                              : kernel["code"] == "ptx"     ? "through PTX"
                              : kernel["built"].get<bool>() ? "not on this device"
                                                            : "not in this build";
        fmt::print("  {:<15} {:<18} needs {}\n", kernel["kernel"].get<std::string>(), verdict,
                   kernel["needs"].get<std::string>());
    }
}

int run_info(bool as_json) {
    const Json json = info_json();
    if (as_json) {
        fmt::print("{}\n", json.dump(2));
        return kExitOk;
    }
    fmt::print("BlackwellSparseK {}\n", json["version"].get<std::string>());
    if (json["cuda_unavailable"].is_null()) {
        fmt::print("CUDA driver {}\n", json["cuda_driver"].get<std::string>());
    } else {
        fmt::print("No CUDA device can be used: {}\n", json["cuda_unavailable"].get<std::string>());
    }
    const std::vector<Device> list = devices();
    for (std::size_t i = 0; i < list.size(); ++i) {
        print_device(list[i], json["devices"][i]);
    }
    fmt::print("Products run on {} unless told otherwise.\n", json["default_device"].get<std::string>());
    return kExitOk;
}

}  // namespace

void add_info(CLI::App& app, int& exit_code) {
    CLI::App* command =
        app.add_subcommand("info", "Devices, driver, what each kernel needs and what runs here");
    const auto as_json = std::make_shared<bool>(false);
    command->add_flag("--json", *as_json, "Print JSON");
    command->footer(
        "Example:\n  bsk info --json\nExit codes: 0 fine (also without a GPU), 1 failed, 2 wrong argument.");
    command->callback([as_json, &exit_code] { exit_code = run_info(*as_json); });
}

}  // namespace bsk::cli
