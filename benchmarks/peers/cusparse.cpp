// cuSPARSE's BSR and Blocked-ELL products as peers, and what the bench knows of the GPU.
#include "abi.h"

#include <cstdio>

#include "base/check.h"
#include "bench/cusparse_product.h"
#include "bench/nvml.h"

namespace bsk::peers {
namespace {

class CusparsePeer final : public Peer {
public:
    CusparsePeer(const std::string& format, const bsk_peer_product& product) {
        const auto dtype = static_cast<DType>(product.dtype);
        int index = 0;
        check_cuda(cudaGetDevice(&index), "cudaGetDevice");
        const Device device{DeviceType::cuda, index};
        if (format == "bsr") {
            BsrView a;
            a.m = product.m;
            a.k = product.k;
            a.block_m = a.block_k = product.block;
            a.nnzb = product.count;
            a.dtype = dtype;
            a.crow_indices = product.offsets;
            a.col_indices = product.indices;
            a.values = product.values;
            a.device = device;
            product_.describe_bsr(a);
        } else if (format == "blocked_ell") {
            product_.describe_blocked_ell(
                {product.m, product.k, product.block, product.count, dtype, product.indices, product.values});
        } else {
            fail(ErrorCode::invalid_argument, "format is \"{}\"; expected bsr or blocked_ell.", format);
        }
        product_.prepare({product.b, dtype, product.k, product.n, Layout::row_major, product.n, device},
                         {product.c, dtype, product.m, product.n, Layout::row_major, product.n, device});
    }
    void launch(cudaStream_t stream) override { product_.launch(stream); }
    [[nodiscard]] std::string settings() const override { return product_.configuration(); }

private:
    bench::CusparseProduct product_;
};

}  // namespace

std::unique_ptr<Peer> make_peer(const std::string& format, const bsk_peer_product& product) {
    return std::make_unique<CusparsePeer>(format, product);
}

}  // namespace bsk::peers

/// What NVML tells of a GPU; -1 and "" stand for what it does not.
struct bsk_telemetry {
    double sm_mhz;
    double power_w;
    char throttle_reasons[256];  ///< separated by commas
    char driver[80];
};

/// Fills `out` for CUDA device `index`.
BSK_PEER_EXPORT void bsk_peer_telemetry(int index, bsk_telemetry* out) {
    static const bsk::bench::Nvml nvml({bsk::DeviceType::cuda, index});
    const bsk::bench::Telemetry sample = nvml.sample();
    out->sm_mhz = sample.sm_clock_mhz.has_value() ? *sample.sm_clock_mhz : -1.0;
    out->power_w = sample.power_w.value_or(-1.0);
    std::string reasons;
    for (const std::string& reason : sample.throttle_reasons.value_or(std::vector<std::string>{})) {
        reasons += (reasons.empty() ? "" : ",") + reason;
    }
    std::snprintf(out->throttle_reasons, sizeof out->throttle_reasons, "%s", reasons.c_str());
    std::snprintf(out->driver, sizeof out->driver, "%s", nvml.driver_version().value_or("").c_str());
}
