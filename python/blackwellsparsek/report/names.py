"""How reports call implementations, dtypes and cases."""

import re

from ..records import Case

IMPLEMENTATIONS = {
    "bsk": "BlackwellSparseK",
    "cublas_dense": "cuBLAS dense",
    "cublas_dense_random": "cuBLAS, random A without zeros",
    "torch_sparse_csr": "PyTorch sparse (cuSPARSE CSR)",
    "cusparse_csr": "cuSPARSE CSR",
    "cusparse_bsr": "cuSPARSE BSR",
    "cusparse_blocked_ell": "cuSPARSE Blocked-ELL",
    "torch_triton_bsr": "PyTorch Triton BSR",
    "torch_triton_bsr_tuned": "PyTorch Triton BSR, tuned",
    "cutlass_dense": "CUTLASS Hopper dense",
    "cutlass_blocked_ell": "CUTLASS Blocked-ELL",
    "cutlass_2to4": "CUTLASS 2:4",
    "cusparselt_2to4": "cuSPARSELt 2:4",
    "stk_triton": "stk (Triton)",
    "torch_sparse_csr_unstructured": "PyTorch sparse (cuSPARSE CSR), unstructured",
    "cusparse_blocked_ell_even": "cuSPARSE Blocked-ELL, rows equally long",
}
DTYPES = {"float16": "fp16", "bfloat16": "bf16", "float32": "fp32"}
LAYOUTS = {"nn": "B[k, n] → C[m, n]", "linear": "X[n, k] → Y[n, m]"}


def implementation_name(implementation: str) -> str:
    """In words; an unknown one keeps its name in the records."""
    return IMPLEMENTATIONS.get(implementation, implementation)


def order_of(implementation: str) -> tuple[int, str]:
    """Ours first, then peers as listed above, then unknown ones by name."""
    listed = list(IMPLEMENTATIONS)
    return (listed.index(implementation) if implementation in listed else len(listed), implementation)


def dtype_name(dtype: str) -> str:
    """fp16 for float16."""
    return DTYPES.get(dtype, dtype)


def layout_name(layout: str) -> str:
    """How B is read and C written."""
    return LAYOUTS.get(layout, layout)


def size_name(case: Case) -> str:
    """8192³ for a cube, else 8192×512×8192 (m×n×k)."""
    if case.m == case.n == case.k:
        return f"{case.m}³"
    return f"{case.m}×{case.n}×{case.k}"


def case_name(case: Case) -> str:
    """Size, block, density and dtype; layout and pattern where they are not the usual ones."""
    parts = [size_name(case), f"block {case.block}", f"density {case.density:.2f}", dtype_name(case.dtype)]
    if case.layout != "nn":
        parts.append(layout_name(case.layout))
    if case.pattern != "uniform":
        parts.append(case.pattern)
    return ", ".join(parts)


def short_gpu_name(gpu: str) -> str:
    """H200 for 'NVIDIA H200', RTX_4090 for 'NVIDIA GeForce RTX 4090': for file names and headings."""
    model = []
    for word in re.split(r"[^A-Za-z0-9]+", gpu):
        if word and word.upper() not in {"NVIDIA", "GEFORCE", "TESLA"}:
            model.append(word.upper())
        if model and re.search(r"\d", word):
            break
    return "_".join(model) or "UNKNOWN"
