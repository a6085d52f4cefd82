// The operands of a sampled product in host memory, from a case of the battery, and the check of what a backend made of
// them. The case's n is the length of the sums; its b_layout and c_layout are not read.
#pragma once

#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

#include <bsk/bsr.h>
#include <bsk/sddmm.h>

#include "battery/battery.h"
#include "battery/oracle.h"

namespace bsk::test {

/// Where the bytes of a sampled problem lie, on the host or on a device.
struct SampledAddresses {
    const void* d1 = nullptr;
    const void* d2 = nullptr;
    void* values = nullptr;  ///< of the guard before the values
    Device device;
};

/// What is no element of D1 and D2 is 0xff, as are values before a product with beta = 0: NaN in each dtype.
struct SampledProblem {
    Case spec;
    BsrMatrix a;  ///< its values are not those of the product
    Layout d1_layout = Layout::row_major;
    Layout d2_layout = Layout::row_major;
    std::vector<std::byte> d1_elements;  ///< row-major without gaps, of the case's dtype
    std::vector<std::byte> d2_elements;
    std::vector<std::byte> d1;
    std::vector<std::byte> d2;
    std::vector<std::byte> values;  ///< before the product, with kGuardBytes before and behind
    Expected expected;              ///< of the values as a matrix [nnzb*block_m, block_k]

    [[nodiscard]] SampledAddresses host_addresses();
    [[nodiscard]] SddmmProblem dense_side() const;  ///< with ld
    [[nodiscard]] ConstMatrixView d1_view(const SampledAddresses& at) const;
    [[nodiscard]] ConstMatrixView d2_view(const SampledAddresses& at) const;

    /// Runs the product on operands at `at`.
    void launch(const SddmmPlan& plan, const SampledAddresses& at, Stream stream) const;

    /// Are the values right, padding included, and the guards untouched?
    [[nodiscard]] ::testing::AssertionResult check(const std::vector<std::byte>& values_after) const;
};

SampledProblem make_sampled_problem(const Case& spec, Layout d1_layout, Layout d2_layout);

/// The same operands in other layouts; what is expected stays.
SampledProblem with_layouts(SampledProblem problem, Layout d1_layout, Layout d2_layout);

/// The cases of the battery that make sampled products, each once: without a batch, special values and what else they only
/// differ in.
std::vector<Case> sampled_battery(bool with_large);

}  // namespace bsk::test
