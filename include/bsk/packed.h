// Values of A in the form a plan's kernel reads them: packed once, used by many products.
#pragma once

#include <cstdint>
#include <memory>

#include <bsk/bsr.h>
#include <bsk/plan.h>
#include <bsk/spmm.h>
#include <bsk/types.h>

namespace bsk {

struct PackedState;

/// Shareable, immutable; copies refer to one buffer. Good for every plan of the same pattern and block that
/// packs for the same kernel, such as plans for other n. Where the kernel reads the values as they are
/// (Plan::packed_bytes() is 0) nothing is copied, and the caller's values must outlive it.
class BSK_API PackedValues {
public:
    explicit PackedValues(std::shared_ptr<const PackedState> state) : state_(std::move(state)) {}

    /// Held on the device; 0 where it refers to the caller's values.
    [[nodiscard]] std::int64_t memory_bytes() const;
    [[nodiscard]] const PackedState& state() const { return *state_; }

private:
    std::shared_ptr<const PackedState> state_;
};

/// Allocates and packs the values of `a` on `stream`; later changes of them do not show. May synchronise.
/// Products on other streams must wait for it as for any launch on `stream`.
/// @throws Error as spmm() for `a`, unsupported for a dynamic plan, out_of_memory.
[[nodiscard]] BSK_API PackedValues pack_values(const Plan& plan, const BsrView& a, Stream stream = nullptr);

/// spmm() with values that pack_values() packed for this plan or one of the same pattern and kernel. Memory of
/// `a` may be freed by its owner as soon as this returns: freeing waits for the device.
/// @throws Error invalid_argument where they were packed for another pattern, kernel or device; as spmm().
BSK_API void spmm(const Plan& plan, const PackedValues& a, const ConstMatrixView& b, const MatrixView& c,
                  float alpha = 1.0F, float beta = 0.0F, Stream stream = nullptr,
                  const Epilogue& epilogue = {});

}  // namespace bsk
