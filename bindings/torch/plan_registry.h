// The plans of the PyTorch operators, by the number that Python holds.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <variant>

#include <bsk/bsr.h>
#include <bsk/packed.h>
#include <bsk/plan.h>
#include <bsk/sddmm.h>

#include "base/check.h"

namespace bsk::torch_ops {

/// AnyPlan is Plan or SddmmPlan.
template <class AnyPlan>
struct Planned {
    AnyPlan plan;
    /// Sizes and dtype only: the plan keeps its own indices, values come with each product.
    BsrView pattern;
    /// Values that every product takes in place of those it brings.
    std::optional<PackedValues> packed = std::nullopt;
};

/// What the registry keeps of it: no indices, and the device of the values.
inline BsrView sizes_of(BsrView a, Device device) {
    a.crow_indices = nullptr;
    a.col_indices = nullptr;
    a.device = device;
    return a;
}

/// Plans by the number that Python holds. Never destroyed: at process exit the CUDA runtime may be gone
/// already.
class PlanRegistry {
public:
    static PlanRegistry& instance() {
        static auto* registry = new PlanRegistry;
        return *registry;
    }

    template <class AnyPlan>
    std::int64_t add(Planned<AnyPlan> planned) {
        Entry entry = std::make_shared<const Planned<AnyPlan>>(std::move(planned));
        const std::lock_guard lock(mutex_);
        plans_.emplace(++last_, std::move(entry));
        return last_;
    }

    template <class AnyPlan>
    std::shared_ptr<const Planned<AnyPlan>> find(std::int64_t number) {
        const Entry entry = find_any(number);
        const auto* planned = std::get_if<std::shared_ptr<const Planned<AnyPlan>>>(&entry);
        require(planned != nullptr, ErrorCode::invalid_argument, "plan {} was made for another operator.",
                number);
        return *planned;
    }

    /// Calls `visitor` with the Planned of that number.
    template <class Visitor>
    auto visit(std::int64_t number, Visitor&& visitor) {
        return std::visit([&](const auto& planned) { return visitor(*planned); }, find_any(number));
    }

    void remove(std::int64_t number) {
        Entry last_owner;  // frees device memory after the lock is released
        const std::lock_guard lock(mutex_);
        if (const auto found = plans_.find(number); found != plans_.end()) {
            last_owner = std::move(found->second);
            plans_.erase(found);
        }
    }

private:
    using Entry =
        std::variant<std::shared_ptr<const Planned<Plan>>, std::shared_ptr<const Planned<SddmmPlan>>>;

    Entry find_any(std::int64_t number) {
        const std::lock_guard lock(mutex_);
        const auto found = plans_.find(number);
        require(found != plans_.end(), ErrorCode::invalid_argument, "plan {} does not exist (any more).",
                number);
        return found->second;
    }

    std::mutex mutex_;
    std::unordered_map<std::int64_t, Entry> plans_;
    std::int64_t last_ = 0;
};

}  // namespace bsk::torch_ops
