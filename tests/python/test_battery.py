"""The battery that host, GPU, command line and Python tests share, on each device."""

import json
from types import SimpleNamespace

import pytest
import torch
from conftest import REPOSITORY

import blackwellsparsek as bsk
from support import assert_product, bsr_of_mask, random_dense, strided_copy

GRADIENT_TOLERANCE = 1e-2  # relative; alpha * dC is rounded before the products


def cases() -> list[SimpleNamespace]:
    document = json.loads((REPOSITORY / "tests" / "battery" / "cases.json").read_text())
    return [SimpleNamespace(**{**document["defaults"], **case}) for case in document["cases"]]


def mask_of(case: SimpleNamespace) -> torch.Tensor:
    """Which blocks are stored; of the same kind as the C++ generator's, not the same draw."""
    rows, cols = -(-case.m // case.block_m), -(-case.k // case.block_k)
    generator = torch.Generator().manual_seed(case.seed)
    drawn = torch.rand(rows, cols, generator=generator)
    row, col = torch.arange(rows)[:, None], torch.arange(cols)[None, :]
    match case.pattern:
        case "explicit":
            mask = torch.zeros(rows, cols, dtype=torch.bool)
            for i in range(rows):
                mask[i, case.cols[case.crow[i] : case.crow[i + 1]]] = True
            return mask
        case "uniform":
            return drawn < case.density
        case "banded":
            return (row * cols - col * rows).abs() <= case.density * rows * cols / 2
        case "block_diagonal":
            return row * cols // max(1, rows) == col
        case "power_law":
            return drawn < case.density * rows / (2 * (row + 1))
        case "causal":
            return col * case.block_k < (row + 1) * case.block_m
    raise AssertionError(f"pattern {case.pattern!r} of case {case.name} is unknown here")


def padded(
    rows: int,
    cols: int,
    layout: str,
    pad: int,
    dtype: torch.dtype,
    seed: int,
    batch: int = 1,
    stride: int = 0,
) -> torch.Tensor:
    """A rows x cols matrix in `layout` whose leading dimension is the tightest plus `pad`, or a batch."""
    lines, length = (cols, rows) if layout == "col_major" else (rows, cols)
    ld = max(1, length) + pad
    elements = lines * ld + (batch - 1) * (stride or lines * ld)
    data = random_dense(1, elements, dtype, seed=seed)[0]
    matrices = data.as_strided((batch, lines, length), (stride or lines * ld, ld, 1))
    if layout == "col_major":
        matrices = matrices.transpose(1, 2)
    return matrices if batch > 1 else matrices[0]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_case(device, case):
    if device == "cpu" and case.gpu_only:
        pytest.skip("too slow for the oracle without a GPU")
    dtype = getattr(torch, case.dtype)
    out_dtype = dtype if case.c_dtype == "same" else getattr(torch, case.c_dtype)
    # torch.sparse_bsr has whole blocks only: ragged m and k are rounded up.
    A = bsr_of_mask(mask_of(case), (case.block_m, case.block_k), dtype, case.seed)
    if not case.int64_indices:
        A = torch.sparse_bsr_tensor(A.crow_indices().int(), A.col_indices().int(), A.values(), size=A.shape)
    m, k = A.shape
    ragged = (m, k) != (case.m, case.k)  # strides in the file are for the unpadded sizes
    b_batch = (case.batch, 0 if ragged else case.b_stride)
    c_batch = (case.batch, 0 if ragged else case.c_stride)
    B = padded(k, case.n, case.b_layout, case.b_pad, dtype, case.seed + 2, *b_batch)
    if case.special_values and B.numel():
        B[k // 2, 0], B[0, case.n // 2] = torch.nan, torch.inf
    C0 = padded(m, case.n, case.c_layout, case.c_pad, out_dtype, case.seed + 3, *c_batch)
    R = (
        padded(m, case.n, case.c_layout, case.c_pad, out_dtype, case.seed + 4, *c_batch)
        if case.residual
        else C0
    )
    if case.beta == 0 or case.residual:
        C0.fill_(torch.nan)
    bias = None
    if case.bias != "none":
        bias = random_dense(1, m if case.bias == "row" else case.n, out_dtype, seed=case.seed + 5)[0]
    out = strided_copy(C0, device)
    bsk.sparse_mm(
        A.to(device),
        strided_copy(B, device),
        out=out,
        alpha=case.alpha,
        beta=case.beta,
        bias=None if bias is None else bias.to(device),
        bias_axis="column" if case.bias == "column" else "row",
        activation={"gelu_erf": "gelu"}.get(case.activation, case.activation),
        residual=strided_copy(R, device) if case.residual else None,
    )
    if bias is not None and case.bias == "row":
        bias = bias[:, None]
    for got, b, r in zip(*(x if x.dim() == 3 else x[None] for x in (out, B, R)), strict=True):
        assert_product(got, A, b, case.alpha, case.beta, r, bias, case.activation)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_gradients_of_case(device, case):
    """Of the values and of B, beside dense autograd in double precision."""
    if device == "cpu" and case.gpu_only:
        pytest.skip("too slow for the oracle without a GPU")
    if case.batch > 1:
        pytest.skip("a batch is flattened before the operator")
    dtype = getattr(torch, case.dtype)
    A = bsk.BSRMatrix.from_torch(bsr_of_mask(mask_of(case), (case.block_m, case.block_k), dtype, case.seed))
    A = bsk.BSRMatrix(A.crow_indices, A.col_indices, A.values, (case.m, case.k)).to(device)
    A = A.with_values(A.values.requires_grad_())
    B = strided_copy(padded(case.k, case.n, case.b_layout, case.b_pad, dtype, case.seed + 2), device)
    C = bsk.sparse_mm(A, B.requires_grad_(), alpha=case.alpha)
    seed = padded(case.m, case.n, "row_major", 0, dtype, case.seed + 3).to(device)
    got = torch.autograd.grad(C, (A.values, B), seed)

    wide = A.with_values(A.values.detach().double().requires_grad_())
    wide_B = B.detach().double().requires_grad_()
    expected = torch.autograd.grad(
        case.alpha * (wide.to_dense() @ wide_B), (wide.values, wide_B), seed.double()
    )
    for one, other in zip(got, expected, strict=True):
        assert one.shape == other.shape and one.dtype is dtype
        error = (one.double() - other).norm() / other.norm().clamp(min=1e-30)
        assert error <= GRADIENT_TOLERANCE, f"relative error {error:.2e}"
