// The C ABI: calls the C++ API and turns exceptions into status codes.
#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <string>

#include <bsk/bsk.h>
#include <bsk/device.h>
#include <bsk/error.h>
#include <bsk/plan.h>
#include <bsk/sddmm.h>
#include <bsk/spmm.h>

#include "api/c_structs.h"
#include "base/check.h"

struct bsk_plan {
    bsk::Plan plan;
};

struct bsk_sddmm_plan {
    bsk::SddmmPlan plan;
};

namespace {

using bsk::ErrorCode;
using bsk::require;
using namespace bsk::c_api;

thread_local std::string last_error_message;

bsk_status failed(ErrorCode code, const char* message) noexcept {
    try {
        last_error_message = message;
    } catch (const std::bad_alloc&) {
        last_error_message.clear();
    }
    return static_cast<bsk_status>(code);
}

/// Runs `body` and turns what it throws into a status and this thread's message.
template <class Body>
bsk_status guarded(Body&& body) noexcept {
    try {
        body();
        return BSK_OK;
    } catch (const bsk::Error& error) {
        return failed(error.code(), error.what());
    } catch (const std::bad_alloc&) {
        return failed(ErrorCode::out_of_memory, "Host memory ran out.");
    } catch (const std::exception& error) {
        return failed(ErrorCode::internal, error.what());
    } catch (...) {
        return failed(ErrorCode::internal, "Something that is no std::exception was thrown.");
    }
}

template <class T>
T& not_null(T* pointer, const char* argument) {
    require(pointer != nullptr, ErrorCode::invalid_argument, "{} is NULL.", argument);
    return *pointer;
}

/// What bsk_plan_explain writes; AnyPlan is Plan or SddmmPlan.
template <class AnyPlan>
void explain(const AnyPlan& plan, char* buffer, std::size_t capacity, std::size_t* needed) {
    require(buffer != nullptr || capacity == 0, ErrorCode::invalid_argument,
            "buffer is NULL but capacity is {}; pass 0 to ask for the size.", capacity);
    const std::string text = plan.explain();
    if (needed != nullptr) {
        *needed = text.size() + 1;
    }
    if (capacity > 0) {
        const std::size_t length = std::min(capacity - 1, text.size());
        std::memcpy(buffer, text.data(), length);
        buffer[length] = '\0';
    }
}

}  // namespace

bsk_status bsk_plan_create(const bsk_bsr* a, const bsk_problem* problem, bsk_device device,
                           const char* kernel, bsk_plan** plan) {
    const bsk_plan_options options{sizeof(bsk_plan_options), kernel, BSK_POLICY_SPARSE, 0};
    return bsk_plan_create_with(a, problem, device, &options, plan);
}

bsk_status bsk_plan_create_with(const bsk_bsr* a, const bsk_problem* problem, bsk_device device,
                                const bsk_plan_options* options, bsk_plan** plan) {
    return guarded([&] {
        bsk_plan*& result = not_null(plan, "plan");
        const bsk::PlanOptions checked_options = options_of(not_null(options, "options"));
        result =
            new bsk_plan{bsk::make_plan(view_of(not_null(a, "a")), problem_of(not_null(problem, "problem")),
                                        device_of(device, "device.type"), checked_options)};
    });
}

bsk_status bsk_replan(const bsk_plan* plan, const bsk_bsr* a, void* stream) {
    return guarded([&] { bsk::replan(not_null(plan, "plan").plan, view_of(not_null(a, "a")), stream); });
}

void bsk_plan_destroy(bsk_plan* plan) {
    delete plan;
}

bsk_status bsk_plan_explain(const bsk_plan* plan, char* buffer, size_t capacity, size_t* needed) {
    return guarded([&] { explain(not_null(plan, "plan").plan, buffer, capacity, needed); });
}

bsk_status bsk_spmm(const bsk_plan* plan, const bsk_bsr* a, const bsk_matrix* b, const bsk_matrix* c,
                    float alpha, float beta, void* stream) {
    return bsk_spmm_fused(plan, a, b, c, alpha, beta, nullptr, stream);
}

bsk_status bsk_spmm_fused(const bsk_plan* plan, const bsk_bsr* a, const bsk_matrix* b, const bsk_matrix* c,
                          float alpha, float beta, const bsk_epilogue* epilogue, void* stream) {
    return guarded([&] {
        bsk::spmm(not_null(plan, "plan").plan, view_of(not_null(a, "a")),
                  read_only(view_of(not_null(b, "b"), "b")), view_of(not_null(c, "c"), "c"), alpha, beta,
                  stream, epilogue == nullptr ? bsk::Epilogue{} : epilogue_of(*epilogue));
    });
}

bsk_status bsk_sddmm_plan_create(const bsk_bsr* a, const bsk_sddmm_problem* problem, bsk_device device,
                                 const char* kernel, bsk_sddmm_plan** plan) {
    return guarded([&] {
        bsk_sddmm_plan*& result = not_null(plan, "plan");
        result = new bsk_sddmm_plan{
            bsk::make_sddmm_plan(view_of(not_null(a, "a")), problem_of(not_null(problem, "problem")),
                                 device_of(device, "device.type"), kernel == nullptr ? "" : kernel)};
    });
}

void bsk_sddmm_plan_destroy(bsk_sddmm_plan* plan) {
    delete plan;
}

bsk_status bsk_sddmm_plan_explain(const bsk_sddmm_plan* plan, char* buffer, size_t capacity, size_t* needed) {
    return guarded([&] { explain(not_null(plan, "plan").plan, buffer, capacity, needed); });
}

bsk_status bsk_sddmm(const bsk_sddmm_plan* plan, const bsk_matrix* d1, const bsk_matrix* d2, void* values,
                     float alpha, float beta, void* stream) {
    return guarded([&] {
        bsk::sddmm(not_null(plan, "plan").plan, read_only(view_of(not_null(d1, "d1"), "d1")),
                   read_only(view_of(not_null(d2, "d2"), "d2")), values, alpha, beta, stream);
    });
}

const char* bsk_last_error_message(void) {
    return last_error_message.c_str();
}

const char* bsk_status_name(bsk_status status) {
    switch (status) {
        case BSK_OK: return "ok";
        case BSK_INVALID_ARGUMENT: return "invalid_argument";
        case BSK_INVALID_PATTERN: return "invalid_pattern";
        case BSK_DTYPE_MISMATCH: return "dtype_mismatch";
        case BSK_DEVICE_MISMATCH: return "device_mismatch";
        case BSK_MISALIGNED: return "misaligned";
        case BSK_TOO_LARGE: return "too_large";
        case BSK_UNSUPPORTED: return "unsupported";
        case BSK_FILE_ERROR: return "file_error";
        case BSK_CUDA_ERROR: return "cuda_error";
        case BSK_OUT_OF_MEMORY: return "out_of_memory";
        case BSK_INTERNAL: return "internal";
    }
    return "unknown";
}

const char* bsk_version(void) {
    return bsk::version();
}

int32_t bsk_cuda_device_count(void) {
    int32_t count = 0;
    guarded([&] { count = bsk::cuda_device_count(); });
    return count;
}
