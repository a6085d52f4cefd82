#include "bench/sweep_operands.h"

#include <algorithm>
#include <cmath>

#include "base/element.h"

namespace bsk::bench {
namespace {

constexpr std::int64_t kCompared = std::int64_t{1} << 20;  // elements of C, from its begin and its end

}  // namespace

std::vector<float> sample(const MatrixView& c) {
    const std::int64_t count = c.rows * c.cols;
    const std::int64_t taken = std::min(count, kCompared);
    std::vector<float> elements;
    visit_dtype(c.dtype, [&](auto tag) {
        using T = typename decltype(tag)::type;
        std::vector<T> host(static_cast<std::size_t>(2 * taken));
        const auto* data = static_cast<const T*>(c.data);
        const auto bytes = static_cast<std::size_t>(taken) * sizeof(T);
        check_cuda(cudaMemcpy(host.data(), data, bytes, cudaMemcpyDeviceToHost), "cudaMemcpy");
        check_cuda(cudaMemcpy(host.data() + taken, data + count - taken, bytes, cudaMemcpyDeviceToHost),
                   "cudaMemcpy");
        elements.assign(host.begin(), host.end());
    });
    return elements;
}

ErrorFigures compare(const std::vector<float>& found, const std::vector<float>& expected, double tolerance) {
    double error_squares = 0;
    double squares = 0;
    ErrorFigures figures;
    for (std::size_t i = 0; i < found.size(); ++i) {
        const double error = std::abs(static_cast<double>(found[i]) - static_cast<double>(expected[i]));
        error_squares += error * error;
        squares += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
        figures.max_abs = std::max(figures.max_abs, error);
    }
    figures.rel_frobenius = error_squares == 0 ? 0 : std::sqrt(error_squares / squares);
    figures.tolerance = tolerance;
    figures.correct = figures.rel_frobenius <= tolerance;  // false for NaN
    return figures;
}

}  // namespace bsk::bench
