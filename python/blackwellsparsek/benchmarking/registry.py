"""The implementations by the names that records give them."""

from ..records import OURS
from .as_before import CusparseBlockedEllEven, TorchSparseCsrUnstructured
from .cutlass import Cutlass2To4, CutlassBlockedEll, CutlassDense
from .implementations import (
    Bsk,
    CublasDense,
    CublasDenseRandom,
    CusparseLt2To4,
    Implementation,
    TorchSparseCsr,
)
from .native import CusparseBlockedEll, CusparseBsr
from .triton_peers import StkTriton, TorchTritonBsr, TorchTritonBsrTuned

PEERS: dict[str, type[Implementation]] = {
    "cublas_dense": CublasDense,
    "cublas_dense_random": CublasDenseRandom,
    "torch_sparse_csr": TorchSparseCsr,
    "cusparse_bsr": CusparseBsr,
    "cusparse_blocked_ell": CusparseBlockedEll,
    "torch_triton_bsr": TorchTritonBsr,
    "torch_triton_bsr_tuned": TorchTritonBsrTuned,
    "cutlass_dense": CutlassDense,
    "cutlass_blocked_ell": CutlassBlockedEll,
    "cutlass_2to4": Cutlass2To4,
    "cusparselt_2to4": CusparseLt2To4,
    "stk_triton": StkTriton,
    "torch_sparse_csr_unstructured": TorchSparseCsrUnstructured,
    "cusparse_blocked_ell_even": CusparseBlockedEllEven,
}
IMPLEMENTATIONS: dict[str, type[Implementation]] = {OURS: Bsk, **PEERS}
