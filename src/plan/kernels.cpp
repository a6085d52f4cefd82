#include "plan/kernels.h"

#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "base/check.h"
#include "base/lines.h"
#include "plan/row_pairs.h"
#include "plan/skinny_tile.h"
#include "plan/union_lists.h"

namespace bsk {

namespace {

constexpr bool kHasSm90 =
#ifdef BSK_HAS_SM90
    true;
#else
    false;
#endif

// Bytes. Strides of a tensor map are multiples of it, and TMA loads and stores whole pieces of it: where a line of C
// ends inside one, what lies behind the line would be overwritten (seen on an H200).
constexpr std::int64_t kTmaPiece = 16;

/// What TMA and wgmma ask of every Hopper kernel.
std::string why_not_hopper(const BsrView& a) {
    if (a.dtype == DType::f32) {
        return "float32 has no wgmma at full precision";
    }
    if (a.nnzb * a.block_m > kInt32Max) {
        return fmt::format("nnzb*block_m = {} passes the int32 coordinates of TMA", a.nnzb * a.block_m);
    }
    return "";
}

std::string why_not_sm90(const BsrView& a) {
    if (a.block_m % 64 != 0 || a.block_k % 64 != 0) {
        return fmt::format("blocks of {}x{} are not multiples of 64", a.block_m, a.block_k);
    }
    return why_not_hopper(a);
}

std::string why_not_sm90_pairs(const BsrView& a) {
    if (a.block_m != kPairBlockRows || a.block_k % kSm90TileK != 0) {
        return fmt::format("blocks of {}x{} do not have {} rows and a multiple of {} columns", a.block_m,
                           a.block_k, kPairBlockRows, kSm90TileK);
    }
    return why_not_hopper(a);
}

std::string why_not_skinny(const BsrView& a, const SpmmProblem& problem) {
    if (a.dtype == DType::f32) {
        return "it computes float16 and bfloat16 only";
    }
    if (problem.n > kSkinnyMostColumns) {
        return fmt::format("it is for up to {} columns of B", kSkinnyMostColumns);
    }
    return "";
}

std::string why_not_sm90_small(const BsrView& a) {
    const int unit = unit_of(a.block_m, a.block_k);
    const std::int64_t units = a.nnzb * (a.block_m / unit) * (a.block_k / unit);
    if (units > kInt32Max) {
        return fmt::format("its {} units of {}x{} pass the int32 indices of its lists", units, unit, unit);
    }
    return why_not_hopper(a);
}

std::string why_not_dense_cublas(const BsrView& a, const SpmmProblem& problem, const DeviceModel& device) {
    if (a.dtype == DType::f32) {
        return "it computes float16 and bfloat16 only";
    }
    if (a.k == 0) {
        return "A has no columns";
    }
    if (problem.batch > 1 && problem.stride_c < problem.ldc) {
        return "the matrices C of the batch interleave by lines";
    }
    const std::int64_t bytes = a.m * a.k * size_of(a.dtype);
    if (bytes > device.memory_bytes / 4) {
        return fmt::format(
            "A as a dense matrix, {:.1f} GiB, would take more than a quarter of the device's memory",
            static_cast<double>(bytes) / static_cast<double>(std::int64_t{1} << 30));
    }
    return "";
}

/// Whether this build has machine code for the device: of its compute capability or an earlier one with the same major
/// number.
bool has_machine_code(const DeviceModel& device) {
    std::string_view rest = BSK_ARCHITECTURES;  // "80,89,90a"
    while (!rest.empty()) {
        int architecture = 0;
        std::from_chars(rest.data(), rest.data() + rest.size(), architecture);
        if (architecture / 10 == device.cc_major && architecture % 10 <= device.cc_minor) {
            return true;
        }
        const std::size_t end = rest.find(',');
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    return false;
}

}  // namespace

const char* name(KernelId kernel) {
    switch (kernel) {
        case KernelId::spmm_cpu: return "spmm_cpu";
        case KernelId::spmm_simt: return "spmm_simt";
        case KernelId::spmm_sm80: return "spmm_sm80";
        case KernelId::spmm_sm90: return "spmm_sm90";
        case KernelId::spmm_sm90_pairs: return "spmm_sm90_pairs";
        case KernelId::spmm_sm90_small: return "spmm_sm90_small";
        case KernelId::spmm_skinny: return "spmm_skinny";
        case KernelId::dense_cublas: return "dense_cublas";
    }
    return "unknown";
}

const char* needs(KernelId kernel) {
    switch (kernel) {
        case KernelId::spmm_cpu: return "a CPU; every case";
        case KernelId::spmm_simt: return "a CUDA device of compute capability 8.0 or later; float32";
        case KernelId::spmm_sm80:
            return "a CUDA device of compute capability 8.0 or later; float16, bfloat16";
        case KernelId::spmm_sm90:
            return "a CUDA device of compute capability 9.0 (Hopper); float16, bfloat16; block sides that "
                   "are multiples of 64";
        case KernelId::spmm_sm90_pairs:
            return "a CUDA device of compute capability 9.0 (Hopper); float16, bfloat16; blocks of 64 rows "
                   "and a multiple of 64 columns; a plan that is not dynamic";
        case KernelId::spmm_sm90_small:
            return "a CUDA device of compute capability 9.0 (Hopper); float16, bfloat16";
        case KernelId::spmm_skinny:
            return "a CUDA device of compute capability 8.0 or later; float16, bfloat16; up to 128 columns "
                   "of B";
        case KernelId::dense_cublas:
            return "a CUDA device of compute capability 8.0 or later, cuBLAS 11 or later at run time and the "
                   "policy auto; float16, bfloat16";
    }
    return "";
}

bool is_hopper(KernelId kernel) {
    return kernel == KernelId::spmm_sm90 || kernel == KernelId::spmm_sm90_pairs ||
           kernel == KernelId::spmm_sm90_small;
}

bool is_built(KernelId kernel) {
    return !is_hopper(kernel) || kHasSm90;
}

bool runs_on(KernelId kernel, const DeviceModel& device) {
    switch (kernel) {
        case KernelId::spmm_cpu: return device.type == DeviceType::cpu;
        case KernelId::spmm_simt:
        case KernelId::spmm_sm80:
        case KernelId::spmm_skinny:
        case KernelId::dense_cublas: return device.type == DeviceType::cuda && device.cc_major >= 8;
        case KernelId::spmm_sm90:
        case KernelId::spmm_sm90_pairs:
        case KernelId::spmm_sm90_small:
            return device.type == DeviceType::cuda && device.cc_major == 9 && device.cc_minor == 0;
    }
    return false;
}

KernelCode code_for(KernelId kernel, const DeviceModel& device) {
    if (!is_built(kernel) || !runs_on(kernel, device)) {
        return KernelCode::none;
    }
    return kernel == KernelId::spmm_cpu || has_machine_code(device) ? KernelCode::native : KernelCode::ptx;
}

bool tma_reads_b(const BsrView& a, const SpmmProblem& problem) {
    const std::int64_t element = size_of(a.dtype);
    // Columns of B from n on only reach columns of C that are not stored; rows from k on would meet stored values.
    const std::int64_t line = problem.b_layout == Layout::row_major ? 0 : a.k;
    return problem.ldb * element % kTmaPiece == 0 && line * element % kTmaPiece == 0 &&
           (problem.batch == 1 || problem.stride_b * element % kTmaPiece == 0);
}

bool tma_writes_c(const BsrView& a, const SpmmProblem& problem) {
    const std::int64_t element = size_of(problem.c_dtype);
    const std::int64_t line = lines_of(problem.c_layout, a.m, problem.n).length;
    return problem.ldc * element % kTmaPiece == 0 && line * element % kTmaPiece == 0 &&
           (problem.batch == 1 || problem.stride_c * element % kTmaPiece == 0);
}

bool reads_transposed(KernelId kernel, const BsrView& a) {
    const bool by_tma = kernel == KernelId::spmm_sm90 || kernel == KernelId::spmm_sm90_pairs;
    return kernel == KernelId::spmm_cpu || (by_tma && a.nnzb * a.block_k <= kInt32Max);
}

std::string why_not(KernelId kernel, const BsrView& a, const SpmmProblem& problem,
                    const DeviceModel& device) {
    if (!is_built(kernel)) {
        return "this build does not contain it";
    }
    if (!runs_on(kernel, device)) {
        return fmt::format("it needs {}", needs(kernel));
    }
    switch (kernel) {
        case KernelId::spmm_cpu: return "";
        case KernelId::spmm_simt: return a.dtype == DType::f32 ? "" : "it computes float32 only";
        case KernelId::spmm_sm80: return a.dtype == DType::f32 ? "it computes float16 and bfloat16 only" : "";
        case KernelId::spmm_sm90: return why_not_sm90(a);
        case KernelId::spmm_sm90_pairs: return why_not_sm90_pairs(a);
        case KernelId::spmm_sm90_small: return why_not_sm90_small(a);
        case KernelId::spmm_skinny: return why_not_skinny(a, problem);
        case KernelId::dense_cublas: return why_not_dense_cublas(a, problem, device);
    }
    return "";
}

}  // namespace bsk
