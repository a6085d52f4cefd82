// The operands of a case in host memory, and the check of what a backend made of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include <bsk/bsr.h>
#include <bsk/plan.h>
#include <bsk/spmm.h>

#include "battery/battery.h"
#include "battery/oracle.h"

namespace bsk::test {

/// Bytes around C that must stay as they are; keeps the alignment that cudaMalloc gives.
inline constexpr std::size_t kGuardBytes = 256;

/// Where the bytes of a problem lie, on the host or on a device.
struct Addresses {
    const void* crow = nullptr;
    const void* cols = nullptr;
    const void* values = nullptr;
    const void* b = nullptr;
    void* c = nullptr;  ///< of the guard before C
    const void* residual = nullptr;
    const void* bias = nullptr;
    Device device;
};

/// Every byte of B and C that is not an element is 0xff, as is C before a product with beta = 0: NaN in each
/// dtype.
struct Problem {
    Case spec;
    BsrMatrix a;
    bool transpose_a = false;     ///< `a` is the transpose of what multiplies
    std::vector<std::byte> crow;  ///< the index arrays in the index type of the case
    std::vector<std::byte> cols;
    std::vector<std::byte> b;
    std::vector<std::byte> c;         ///< before the product, with kGuardBytes before and behind
    std::vector<std::byte> residual;  ///< empty where it is C
    std::vector<std::byte> bias;
    std::vector<Expected> expected;  ///< of each product of the batch

    [[nodiscard]] Addresses host_addresses();
    [[nodiscard]] SpmmProblem dense_side() const;  ///< with ld and strides
    [[nodiscard]] BsrView a_view(const Addresses& at) const;
    [[nodiscard]] ConstMatrixView b_view(const Addresses& at) const;
    [[nodiscard]] MatrixView c_view(const Addresses& at) const;
    [[nodiscard]] Epilogue epilogue(const Addresses& at) const;

    /// Are the elements of `c_after` right, and all bytes around them untouched?
    /// @param rounds_product  see compare()
    [[nodiscard]] ::testing::AssertionResult check(std::vector<std::byte> c_after,
                                                   bool rounds_product = false) const;
};

/// A of the case.
BsrMatrix make_a(const Case& spec);

Problem make_problem(const Case& spec);

/// The same product of a problem that stores A^T, as a transposed plan takes it.
Problem with_transposed_storage(const Problem& problem);

/// The same pattern with other values: A scaled by -2, B and C drawn anew.
Problem with_new_values(const Problem& problem, std::uint64_t seed);

}  // namespace bsk::test
