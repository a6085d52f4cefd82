/* The C ABI of BlackwellSparseK: C = activation(alpha*A*B + beta*R + bias) with A block-sparse, from C99 or any language with a
 * C foreign-function interface. It mirrors the C++ headers beside it, which say more; no exception crosses
 * it. */
#ifndef BSK_BSK_H
#define BSK_BSK_H

#include <stddef.h>
#include <stdint.h>

#define BSK_C_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

/* What every function that can fail returns; bsk_last_error_message() has the sentence. */
typedef enum bsk_status {
    BSK_OK = 0,
    BSK_INVALID_ARGUMENT = 1,
    BSK_INVALID_PATTERN = 2,
    BSK_DTYPE_MISMATCH = 3,
    BSK_DEVICE_MISMATCH = 4,
    BSK_MISALIGNED = 5,
    BSK_TOO_LARGE = 6,
    BSK_UNSUPPORTED = 7,
    BSK_FILE_ERROR = 8,
    BSK_CUDA_ERROR = 9,
    BSK_OUT_OF_MEMORY = 10,
    BSK_INTERNAL = 11
} bsk_status;

/* The enumerations are int32_t in the structs, so that their layout is the same in every language. */
enum { BSK_F16 = 0, BSK_BF16 = 1, BSK_F32 = 2 };                                        /* dtype */
enum { BSK_I32 = 0, BSK_I64 = 1 };                                                      /* index_type */
enum { BSK_ROW_MAJOR = 0, BSK_COL_MAJOR = 1 };                                          /* layout */
enum { BSK_CPU = 0, BSK_CUDA = 1 };                                                     /* device_type */
enum { BSK_BIAS_ROW = 0, BSK_BIAS_COLUMN = 1 };                                         /* bias_axis */
enum { BSK_NONE = 0, BSK_RELU = 1, BSK_GELU_TANH = 2, BSK_GELU_ERF = 3, BSK_SILU = 4 }; /* activation */
enum { BSK_POLICY_SPARSE = 0, BSK_POLICY_AUTO = 1 };                                    /* policy */

/* Where data lives; index is the CUDA ordinal, 0 for the CPU. */
typedef struct bsk_device {
    int32_t type;
    int32_t index;
} bsk_device;

/* An m x k BSR matrix that the caller owns. Sizes that are not multiples of the block are stored padded with
 * zeros. */
typedef struct bsk_bsr {
    int64_t m;
    int64_t k;
    int32_t block_m; /* each of 16, 32, 64, 128, 256 */
    int32_t block_k;
    int64_t nnzb;             /* number of stored blocks */
    const void* crow_indices; /* [ceil(m / block_m) + 1], non-decreasing from 0 to nnzb */
    const void* col_indices;  /* [nnzb], strictly increasing within a block row */
    const void* values;       /* [nnzb, block_m, block_k] row-major; may be NULL but for products */
    int32_t index_type;
    int32_t dtype;
    bsk_device device;
} bsk_bsr;

/* A dense rows x cols matrix that the caller owns; ld is in elements. Only C's data is written, whatever the type
 * says. */
typedef struct bsk_matrix {
    void* data;
    int64_t rows;
    int64_t cols;
    int64_t ld;
    int32_t dtype;
    int32_t layout;
    bsk_device device;
} bsk_matrix;

/* The dense side of the product: B is k x n, C is m x n. Zeros stand for the defaults of the fields that a caller does
 * not set. */
typedef struct bsk_problem {
    int64_t n;
    int64_t ldb; /* in elements; 0 stands for the tightest */
    int64_t ldc;
    int32_t c_dtype; /* A's dtype, or BSK_F32 */
    int32_t b_layout;
    int32_t c_layout;
    int64_t batch;    /* products with the same A, 0 stands for 1 */
    int64_t stride_b; /* elements from one B to the next; 0 stands for the tightest */
    int64_t stride_c;
    int32_t transpose_a; /* not 0: C = alpha*A^T*B + beta*C with B m x n and C k x n */
} bsk_problem;

/* What happens to alpha*A*B before it is stored: C = activation(alpha*A*B + beta*residual + bias). Zeros stand for no
 * activation, no bias, and C as the residual. */
typedef struct bsk_epilogue {
    size_t struct_size; /* sizeof(bsk_epilogue) where the caller was compiled */
    int32_t activation;
    int32_t bias_axis;
    const void* bias; /* m (BSK_BIAS_ROW) or n elements of C's dtype on the plan's device, or NULL */
    const bsk_matrix* residual; /* as C in all but data; NULL for C itself; not written */
} bsk_epilogue;

/* How one sparse pattern is multiplied on one device. Usable for any values of that pattern, from any thread.
 */
typedef struct bsk_plan bsk_plan;

/* Plans products of `a` (its pattern; values are not read) on `device` and stores a plan in *plan, which the
 * caller destroys. `kernel` names the kernel to use; NULL lets the planner choose. *plan is untouched on
 * failure. */
BSK_C_API bsk_status bsk_plan_create(const bsk_bsr* a, const bsk_problem* problem, bsk_device device,
                                     const char* kernel, bsk_plan** plan);

/* How a plan is made; zeros stand for the defaults. */
typedef struct bsk_plan_options {
    size_t struct_size; /* sizeof(bsk_plan_options) where the caller was compiled */
    const char* kernel; /* the kernel to use; NULL lets the planner choose */
    int32_t policy;     /* BSK_POLICY_AUTO: cuBLAS on A expanded is among the choices, see plan.h */
    int32_t dynamic;    /* not 0: bsk_replan may replace the pattern */
} bsk_plan_options;

/* bsk_plan_create with options. */
BSK_C_API bsk_status bsk_plan_create_with(const bsk_bsr* a, const bsk_problem* problem, bsk_device device,
                                          const bsk_plan_options* options, bsk_plan** plan);

/* Replaces the pattern of a plan that was made dynamic by that of `a`: the same sizes, block and
 * nnzb, index arrays on the plan's device. On CUDA it launches on `stream` and returns, without a
 * synchronisation; indices are not checked there, one out of range is replaced by the nearest in range. No
 * product of the plan may run on another stream meanwhile. plan.h says more. */
BSK_C_API bsk_status bsk_replan(const bsk_plan* plan, const bsk_bsr* a, void* stream);

/* NULL is allowed and does nothing. */
BSK_C_API void bsk_plan_destroy(bsk_plan* plan);

/* Writes what was chosen and why into buffer[0 .. capacity), cut to fit and always ended by a NUL, and the
 * bytes the whole text needs, NUL included, into *needed (may be NULL). With capacity 0 buffer may be NULL.
 */
BSK_C_API bsk_status bsk_plan_explain(const bsk_plan* plan, char* buffer, size_t capacity, size_t* needed);

/* C = alpha*A*B + beta*C. On CUDA it launches on `stream` (a cudaStream_t, NULL for the default stream) and
 * returns; on the CPU it has computed when it returns. C is untouched on failure. */
BSK_C_API bsk_status bsk_spmm(const bsk_plan* plan, const bsk_bsr* a, const bsk_matrix* b,
                              const bsk_matrix* c, float alpha, float beta, void* stream);

/* The same with an epilogue, which may be NULL. */
BSK_C_API bsk_status bsk_spmm_fused(const bsk_plan* plan, const bsk_bsr* a, const bsk_matrix* b,
                                    const bsk_matrix* c, float alpha, float beta,
                                    const bsk_epilogue* epilogue, void* stream);

/* The sampled product: values = alpha*(D1*D2) + beta*values at the stored blocks of an m x k pattern, with D1 m x n and
 * D2 n x k. Zeros stand for the defaults. */
typedef struct bsk_sddmm_problem {
    int64_t n;
    int64_t ld1; /* in elements; 0 stands for the tightest */
    int64_t ld2;
    int32_t values_dtype; /* the pattern's dtype, or BSK_F32 */
    int32_t d1_layout;
    int32_t d2_layout;
} bsk_sddmm_problem;

/* How products are sampled at one pattern on one device. Usable from any thread. */
typedef struct bsk_sddmm_plan bsk_sddmm_plan;

/* As bsk_plan_create; a's dtype is that of D1 and D2. */
BSK_C_API bsk_status bsk_sddmm_plan_create(const bsk_bsr* a, const bsk_sddmm_problem* problem,
                                           bsk_device device, const char* kernel, bsk_sddmm_plan** plan);

/* NULL is allowed and does nothing. */
BSK_C_API void bsk_sddmm_plan_destroy(bsk_sddmm_plan* plan);

/* As bsk_plan_explain. */
BSK_C_API bsk_status bsk_sddmm_plan_explain(const bsk_sddmm_plan* plan, char* buffer, size_t capacity,
                                            size_t* needed);

/* As bsk_spmm; values [nnzb, block_m, block_k] lie on the plan's device. */
BSK_C_API bsk_status bsk_sddmm(const bsk_sddmm_plan* plan, const bsk_matrix* d1, const bsk_matrix* d2,
                               void* values, float alpha, float beta, void* stream);

/* Why the last failing call of this thread failed: one sentence, "" when none has failed yet. Valid until the
 * thread's next failing call. */
BSK_C_API const char* bsk_last_error_message(void);

/* "invalid_argument" for BSK_INVALID_ARGUMENT, and so on; "unknown" for a number that is no status. */
BSK_C_API const char* bsk_status_name(bsk_status status);

/* "major.minor.patch" */
BSK_C_API const char* bsk_version(void);

/* CUDA devices that can be used; 0 where there is no driver or no GPU. */
BSK_C_API int32_t bsk_cuda_device_count(void);

#ifdef __cplusplus
}
#endif

#endif /* BSK_BSK_H */
