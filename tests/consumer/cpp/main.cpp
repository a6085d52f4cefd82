// Through an installed library: a product on the CPU against one computed here from the dense matrix, and a
// library exception caught by its type.
#include <cmath>
#include <cstdio>
#include <vector>

#include <bsk/bsr.h>
#include <bsk/device.h>
#include <bsk/error.h>
#include <bsk/io.h>
#include <bsk/plan.h>
#include <bsk/spmm.h>

int main() {
    constexpr std::int64_t m = 96, k = 64, n = 5;
    const bsk::BsrMatrix a = bsk::generate(
        {.m = m, .k = k, .block_m = 32, .block_k = 16, .density = 0.5, .dtype = bsk::DType::f32, .seed = 7});
    std::vector<float> dense(m * k);
    bsk::bsr_to_dense(a.view(), {dense.data(), bsk::DType::f32, m, k, bsk::Layout::row_major, k, {}});

    std::vector<float> b(k * n);
    for (std::size_t i = 0; i < b.size(); ++i) {
        b[i] = 0.25F * static_cast<float>(i % 9) - 1.0F;
    }
    std::vector<float> c(m * n, NAN);
    const bsk::Plan plan = bsk::make_plan(a.view(), {.n = n, .c_dtype = bsk::DType::f32}, bsk::Device{});
    bsk::spmm(plan, a.view(), {b.data(), bsk::DType::f32, k, n, bsk::Layout::row_major, n, {}},
              {c.data(), bsk::DType::f32, m, n, bsk::Layout::row_major, n, {}});

    for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t j = 0; j < n; ++j) {
            double expected = 0;
            for (std::int64_t l = 0; l < k; ++l) {
                expected += double{dense[i * k + l]} * double{b[l * n + j]};
            }
            if (!(std::abs(c[i * n + j] - expected) < 1e-4)) {
                std::fprintf(stderr, "c(%ld, %ld) is %g, expected %g\n", long(i), long(j), c[i * n + j],
                             expected);
                return 1;
            }
        }
    }

    try {
        static_cast<void>(bsk::read_bsr("no-such-file.mtx", 16, 16, bsk::DType::f32));
        std::fprintf(stderr, "reading a missing file did not fail\n");
        return 1;
    } catch (const bsk::Error& error) {
        if (error.code() != bsk::ErrorCode::file_error) {
            std::fprintf(stderr, "reading a missing file gave: %s\n", error.what());
            return 1;
        }
    }
    std::printf("C++ consumer: BlackwellSparseK %s, kernel %s\n", bsk::version(), plan.kernel().c_str());
    return 0;
}
