"""Block-sparse times dense matrix products on NVIDIA GPUs, and on the CPU, for inference and training.

>>> import torch
>>> import blackwellsparsek as bsk
>>> A = torch.eye(64).to_sparse_bsr((16, 16))
>>> bsk.sparse_mm(A, torch.ones(64, 8)).sum().item()
512.0
"""

from . import nn, stk
from ._ops import ops
from .bsr import BSRMatrix
from .explain import explain
from .functional import linear, sampled_matmul
from .io import from_scipy, load, save, to_scipy
from .nn.sparsify import sparsify_
from .patch import patch_torch, patched_torch, unpatch_torch
from .plan import Plan, make_plan
from .plan_cache import set_debug
from .spmm import sparse_mm
from .tuning import autotune, autotune_cache_path

__version__: str = ops.version()
__all__ = [
    "BSRMatrix",
    "Plan",
    "autotune",
    "autotune_cache_path",
    "explain",
    "from_scipy",
    "linear",
    "load",
    "make_plan",
    "nn",
    "patch_torch",
    "patched_torch",
    "sampled_matmul",
    "save",
    "set_debug",
    "sparse_mm",
    "sparsify_",
    "stk",
    "to_scipy",
    "unpatch_torch",
]
