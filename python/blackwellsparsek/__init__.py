"""Block-sparse times dense matrix products on NVIDIA GPUs, and on the CPU.

>>> import torch
>>> import blackwellsparsek as bsk
>>> A = torch.eye(64).to_sparse_bsr((16, 16))
>>> bsk.sparse_mm(A, torch.ones(64, 8)).sum().item()
512.0
"""

from ._ops import ops
from .io import from_scipy, load, save, to_scipy
from .plan import Plan, make_plan
from .spmm import sparse_mm
from .tuning import autotune, autotune_cache_path

__version__: str = ops.version()
__all__ = [
    "Plan",
    "autotune",
    "autotune_cache_path",
    "from_scipy",
    "load",
    "make_plan",
    "save",
    "sparse_mm",
    "to_scipy",
]
