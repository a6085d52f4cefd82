#include <optional>

#include <bsk/spmm.h>

#include "bench/implementation.h"

namespace bsk::bench {
namespace {

class BskSpmm final : public Implementation {
public:
    [[nodiscard]] std::string name() const override { return "bsk"; }

    void prepare(const Case& problem) override {
        a_ = problem.a();
        b_ = problem.b();
        c_ = problem.c();
        const SpmmProblem dense{b_.cols, c_.dtype, b_.layout, c_.layout, b_.ld, c_.ld};
        plan_ = make_plan(problem.a_host().view(), dense, a_.device);
    }

    void launch(Stream stream) override { spmm(*plan_, a_, b_, c_, 1.0F, 0.0F, stream); }

    [[nodiscard]] std::string kernel() const override { return plan_->kernel(); }
    [[nodiscard]] std::string configuration() const override { return plan_->explain(); }

private:
    BsrView a_;
    ConstMatrixView b_;
    MatrixView c_;
    std::optional<Plan> plan_;
};

}  // namespace

std::unique_ptr<Implementation> make_bsk_spmm() {
    return std::make_unique<BskSpmm>();
}

}  // namespace bsk::bench
