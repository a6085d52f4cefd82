// What the operators were built from and for, which records of benchmarks say.
#include <string>

#include <cuda_runtime_api.h>

/// JSON: the commit, digests of the sources (source_digests.py), the GPU architectures and CUDA's version.
extern "C" __attribute__((visibility("default"))) const char* bsk_build_identity() {
    static const std::string json =
        R"({"commit": ")" BSK_COMMIT R"(", "kernels_sha256": ")" BSK_KERNELS_SHA256
        R"(", "plan_sha256": ")" BSK_PLAN_SHA256 R"(", "architectures": ")" BSK_ARCHITECTURES
        R"(", "cuda": ")" +
        std::to_string(CUDART_VERSION / 1000) + "." + std::to_string(CUDART_VERSION % 1000 / 10) + "\"}";
    return json.c_str();
}
