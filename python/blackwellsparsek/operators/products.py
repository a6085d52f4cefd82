"""torch.ops.bsk.dsd and dds: sparse times dense, and dense times sparse."""

from .library import register
from .multiply import check_matrix, check_operands, multiply

ARRAYS = "Tensor crow_indices, Tensor col_indices, Tensor values, SymInt[2] shape"


def _new_dsd(crow_indices, col_indices, values, shape, dense, transpose_sparse=False, transpose_dense=False):
    m, k = reversed(shape) if transpose_sparse else shape
    check_operands((crow_indices, col_indices, values, shape), dense=dense)
    check_matrix("dense", dense, 1 if transpose_dense else 0, k)
    return values.new_empty(m, dense.shape[0 if transpose_dense else 1])


def _new_dds(dense, crow_indices, col_indices, values, shape, transpose_dense=False, transpose_sparse=False):
    m, k = reversed(shape) if transpose_sparse else shape
    check_operands((crow_indices, col_indices, values, shape), dense=dense)
    check_matrix("dense", dense, 0 if transpose_dense else 1, m)
    return values.new_empty(dense.shape[1 if transpose_dense else 0], k)


def _dsd(crow_indices, col_indices, values, shape, dense, transpose_sparse=False, transpose_dense=False):
    arrays = (crow_indices, col_indices, values, tuple(shape))
    return multiply(
        arrays,
        dense,
        transpose_dense,
        transpose_sparse,
        False,
        lambda: _new_dsd(*arrays, dense, transpose_sparse, transpose_dense),
    )


def _dds(dense, crow_indices, col_indices, values, shape, transpose_dense=False, transpose_sparse=False):
    arrays = (crow_indices, col_indices, values, tuple(shape))
    return multiply(  # (D A)^T = A^T D^T
        arrays,
        dense,
        not transpose_dense,
        not transpose_sparse,
        True,
        lambda: _new_dds(dense, *arrays, transpose_dense, transpose_sparse),
    )


def _save_dsd(ctx, inputs, output):
    crow_indices, col_indices, values, shape, dense, *ctx.transposed = inputs
    ctx.pattern = (crow_indices, col_indices, shape)
    ctx.save_for_backward(values, dense)


def _save_dds(ctx, inputs, output):
    dense, crow_indices, col_indices, values, shape, *ctx.transposed = inputs
    ctx.pattern = (crow_indices, col_indices, shape)
    ctx.save_for_backward(dense, values)


def _dsd_gradients(ctx, grad, needed):
    # C = op(A) op(B):  dop(A) = dC op(B)^T  and  dop(B) = op(A)^T dC
    from .sampled import sdd

    values, dense = ctx.saved_tensors
    crow_indices, col_indices, shape = ctx.pattern
    arrays = (crow_indices, col_indices, values, shape)
    sparse_transposed, dense_transposed = ctx.transposed
    d_values = d_dense = None
    if needed[0]:
        if sparse_transposed:  # dA = op(B) dC^T
            d_values = sdd(dense, grad, *arrays, dense_transposed, True)
        else:
            d_values = sdd(grad, dense, *arrays, False, not dense_transposed)
    if needed[1]:
        if dense_transposed:  # dB = dC^T op(A)
            d_dense = dds(grad, *arrays, True, sparse_transposed)
        else:
            d_dense = dsd(*arrays, grad, not sparse_transposed, False)
    return d_values, d_dense


def _dds_gradients(ctx, grad, needed):
    # C = op(D) op(A):  dop(D) = dC op(A)^T  and  dop(A) = op(D)^T dC
    from .sampled import sdd

    dense, values = ctx.saved_tensors
    crow_indices, col_indices, shape = ctx.pattern
    arrays = (crow_indices, col_indices, values, shape)
    dense_transposed, sparse_transposed = ctx.transposed
    d_values = d_dense = None
    if needed[1]:
        if sparse_transposed:  # dA = dC^T op(D)
            d_values = sdd(grad, dense, *arrays, True, dense_transposed)
        else:
            d_values = sdd(dense, grad, *arrays, not dense_transposed, False)
    if needed[0]:
        if dense_transposed:  # dD = op(A) dC^T
            d_dense = dsd(*arrays, grad, sparse_transposed, True)
        else:
            d_dense = dds(grad, *arrays, False, not sparse_transposed)
    return d_dense, d_values


dsd = register(
    f"dsd({ARRAYS}, Tensor dense, bool transpose_sparse=False, bool transpose_dense=False) -> Tensor",
    (2, 4),
    _dsd,
    _new_dsd,
    _save_dsd,
    _dsd_gradients,
)
dds = register(
    f"dds(Tensor dense, {ARRAYS}, bool transpose_dense=False, bool transpose_sparse=False) -> Tensor",
    (0, 3),
    _dds,
    _new_dds,
    _save_dds,
    _dds_gradients,
)
