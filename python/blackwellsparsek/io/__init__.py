"""Reading and writing block-sparse matrices: Matrix Market, .npz, safetensors, and DLMC .smtx.

Files of unstructured matrices (CSR) become BSR: the stored blocks are those with a nonzero. torch.sparse_bsr
knows no ragged edge, so sizes that are no multiple of the block are rounded up, with zeros in the padding.
"""

from .files import load, save
from .scipy_form import from_scipy, to_scipy

__all__ = ["from_scipy", "load", "save", "to_scipy"]
