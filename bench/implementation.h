// What the bench measures: one way to compute C = A*B of a case. The library's own and each peer's derive
// from it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <bsk/types.h>

#include "bench/case.h"

namespace bsk::bench {

/// The peer whose rate is cuBLAS's dense rate.
inline constexpr const char* kDenseReference = "cublas-dense";

class Implementation {
public:
    Implementation() = default;
    Implementation(const Implementation&) = delete;
    Implementation& operator=(const Implementation&) = delete;
    virtual ~Implementation() = default;

    [[nodiscard]] virtual std::string name() const = 0;
    /// Whether launch() computes the case's product. If not, the result is not judged, its time is compared
    /// with no other, and only its rate counts.
    [[nodiscard]] virtual bool computes_the_case() const { return true; }
    /// Sets everything up, so that launch() only launches. The case must outlive this object.
    /// @throws Error that says why this implementation cannot compute the case here.
    virtual void prepare(const Case& problem) = 0;
    /// Enqueues the product into the case's C; on the CPU computes it.
    virtual void launch(Stream stream) = 0;
    /// Kernel or library function, known once prepared.
    [[nodiscard]] virtual std::string kernel() const = 0;
    /// Everything else that decides the speed, in words.
    [[nodiscard]] virtual std::string configuration() const = 0;
};

/// This library: plan once, then spmm().
[[nodiscard]] std::unique_ptr<Implementation> make_bsk_spmm();
/// cuBLAS on the same A expanded to dense.
[[nodiscard]] std::unique_ptr<Implementation> make_cublas();
/// cuBLAS on a random A of the same size. A power-limited GPU multiplies zeros faster, so the dense rate is
/// not to be had from an expanded A.
[[nodiscard]] std::unique_ptr<Implementation> make_cublas_dense();
/// cuSPARSE SpMM on the stored elements of A as CSR, BSR and Blocked-ELL.
[[nodiscard]] std::unique_ptr<Implementation> make_cusparse_csr();
[[nodiscard]] std::unique_ptr<Implementation> make_cusparse_bsr();
[[nodiscard]] std::unique_ptr<Implementation> make_cusparse_bell();

/// "cublas", "cublas-dense", "cusparse-csr", "cusparse-bsr", "cusparse-bell".
[[nodiscard]] const std::vector<std::string>& peer_names();
/// @throws Error invalid_argument that lists the names.
[[nodiscard]] std::unique_ptr<Implementation> make_peer(const std::string& name);

}  // namespace bsk::bench
