/* C = A*B on the CPU through the C ABI of an installed library: A is 32 x 32 with one 16 x 16 block of ones
 * at the top right, B is ones, so that the upper half of C is 16 and the lower half 0. */
#include <stdio.h>

#include <bsk/bsk.h>

enum { SIZE = 32, BLOCK = 16, N = 3 };

static int failed(const char* call, bsk_status status) {
    fprintf(stderr, "%s: %s: %s\n", call, bsk_status_name(status), bsk_last_error_message());
    return 1;
}

int main(void) {
    static const int32_t crow_indices[] = {0, 1, 1};
    static const int32_t col_indices[] = {1};
    static float values[BLOCK * BLOCK];
    static float b_data[SIZE * N];
    static float c_data[SIZE * N];
    const bsk_device cpu = {BSK_CPU, 0};
    bsk_bsr a = {.m = SIZE, .k = SIZE, .block_m = BLOCK, .block_k = BLOCK, .nnzb = 1};
    bsk_problem problem = {.n = N, .c_dtype = BSK_F32};
    bsk_matrix b = {.data = b_data, .rows = SIZE, .cols = N, .ld = N, .dtype = BSK_F32};
    bsk_matrix c = {.data = c_data, .rows = SIZE, .cols = N, .ld = N, .dtype = BSK_F32};
    bsk_plan* plan = NULL;
    bsk_status status;
    int i;

    for (i = 0; i < BLOCK * BLOCK; ++i) values[i] = 1.0F;
    for (i = 0; i < SIZE * N; ++i) b_data[i] = 1.0F;
    for (i = 0; i < SIZE * N; ++i) c_data[i] = -1.0F;
    a.crow_indices = crow_indices;
    a.col_indices = col_indices;
    a.values = values;
    a.dtype = BSK_F32;

    status = bsk_plan_create(&a, &problem, cpu, NULL, &plan);
    if (status != BSK_OK) return failed("bsk_plan_create", status);
    status = bsk_spmm(plan, &a, &b, &c, 1.0F, 0.0F, NULL);
    bsk_plan_destroy(plan);
    if (status != BSK_OK) return failed("bsk_spmm", status);

    for (i = 0; i < SIZE * N; ++i) {
        const float expected = i < BLOCK * N ? 16.0F : 0.0F;
        if (c_data[i] != expected) {
            fprintf(stderr, "c[%d] is %g, expected %g\n", i, (double)c_data[i], (double)expected);
            return 1;
        }
    }
    printf("C consumer: BlackwellSparseK %s multiplied on the CPU\n", bsk_version());
    return 0;
}
