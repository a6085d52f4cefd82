"""BSRMatrix: a block-sparse matrix as the plain tensors that operators, modules and checkpoints hold."""

from dataclasses import dataclass, replace

import torch

from .arrays import tensor_of
from .blocks import block_of, block_rows_of, check_mask, pattern_of, split

Arrays = tuple[torch.Tensor, torch.Tensor, torch.Tensor, tuple[int, int]]
"""crow_indices, col_indices, values, (m, k): a matrix as it is stored, not transposed."""


@dataclass(eq=False)
class BSRMatrix:
    """A block-sparse matrix in BSR form; `values` may require a gradient.

    Making one checks nothing: what uses it does.

    Attributes
    ----------
    crow_indices : torch.Tensor
        [block_rows + 1] of int32 or int64.
    col_indices : torch.Tensor
        [nnzb], rising within each block row.
    values : torch.Tensor
        [nnzb, block_m, block_k].
    stored_shape : tuple[int, int]
        (m, k) as stored; no multiple of the block is needed, the padding of edge blocks counts for nothing.
    transposed : bool
        Whether this is the transpose of what is stored.
    """

    crow_indices: torch.Tensor
    col_indices: torch.Tensor
    values: torch.Tensor
    stored_shape: tuple[int, int]
    transposed: bool = False

    @classmethod
    def from_torch(cls, A: torch.Tensor) -> "BSRMatrix":
        """Of a torch.sparse_bsr matrix, whose tensors are shared, gradients included, or a sparse_bsc one."""
        matrix = as_bsr(A)
        # Views of sparse tensors are more than torch.compile can trace.
        return matrix if A.requires_grad else matrix.with_values(matrix.values.detach())

    @classmethod
    def from_dense(
        cls, dense: torch.Tensor, block: int | tuple[int, int], mask: torch.Tensor | None = None
    ) -> "BSRMatrix":
        """Take the blocks of `mask` from `dense`, by default those with a nonzero.

        `mask` is bool [block_rows, block_cols], and `block` a size or (block_m, block_k). Differentiable in
        `dense`. Reading the mask synchronises on CUDA.
        """
        if dense.dim() != 2:
            raise ValueError(f"dense has {dense.dim()} dimensions; expected a matrix.")
        blocks = split(dense, block_of(block))  # [block_rows, block_cols, block_m, block_k]
        if mask is None:
            mask = (blocks != 0).any(dim=3).any(dim=2)
        else:
            check_mask(mask, tuple(blocks.shape[:2]))
        crow_indices, col_indices = pattern_of(mask)
        return cls(crow_indices, col_indices, blocks[mask], tuple(dense.shape))

    @classmethod
    def from_arrays(cls, crow_indices, col_indices, values, shape: tuple[int, int]) -> "BSRMatrix":
        """Of arrays of any library that speaks DLPack or `__cuda_array_interface__`, without a copy."""
        arrays = (tensor_of(array) for array in (crow_indices, col_indices, values))
        return cls(*arrays, tuple(shape))

    @classmethod
    def from_scipy(cls, matrix, block: tuple[int, int] | None = None, dtype: torch.dtype = torch.float16):
        """Of a SciPy matrix, as `blackwellsparsek.from_scipy`, on the CPU."""
        from .io import from_scipy

        return cls.from_torch(from_scipy(matrix, block, dtype))

    def to_scipy(self):
        """A SciPy BSR matrix of float32."""
        from .io import to_scipy

        return to_scipy(self)

    @classmethod
    def from_cupy(cls, matrix, block: int, dtype: torch.dtype = torch.float16) -> "BSRMatrix":
        """Of a cupyx.scipy.sparse matrix of any format, on its GPU; duplicates are summed."""
        from .io.cupy_form import from_cupy

        return from_cupy(matrix, block, dtype)

    def to_cupy(self):
        """A CuPy CSR matrix of float32 that holds every element of the blocks."""
        from .io.cupy_form import to_cupy

        return to_cupy(self)

    def to_torch(self) -> torch.Tensor:
        """A torch.sparse_bsr tensor of the same memory; a transposed matrix is copied."""
        stored = self.contiguous()
        stored.require_whole_blocks("torch.sparse_bsr")
        return torch.sparse_bsr_tensor(*stored.arrays[:3], size=stored.shape, check_invariants=False)

    def to_dense(self) -> torch.Tensor:
        """A dense tensor; differentiable in `values`."""
        m, k = self.stored_shape
        block_m, block_k = self.block
        rows, cols = self.crow_indices.shape[0] - 1, -(-k // block_k)
        places = self.block_rows() * cols + self.col_indices
        blocks = self.values.new_zeros(rows * cols, block_m, block_k).index_copy(0, places, self.values)
        grid = blocks.view(rows, cols, block_m, block_k).transpose(1, 2)
        dense = grid.reshape(rows * block_m, cols * block_k)[:m, :k]
        return dense.t() if self.transposed else dense

    def block_rows(self) -> torch.Tensor:
        """The block row, as stored, of each stored block: [nnzb] of int64."""
        return block_rows_of(self.crow_indices, self.col_indices.shape[0])

    def places(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Row and column, after transposition, of each stored element: as `values`, of int64."""
        rows, cols = (
            index[:, None] * side + torch.arange(side, device=index.device)
            for index, side in zip((self.block_rows(), self.col_indices), self.block, strict=True)
        )
        rows, cols = torch.broadcast_tensors(rows[:, :, None], cols[:, None, :])
        return (cols, rows) if self.transposed else (rows, cols)

    def mask(self) -> torch.Tensor:
        """Which blocks are stored: bool [block_rows, block_cols] as stored."""
        rows, cols = self.crow_indices.shape[0] - 1, -(-self.stored_shape[1] // self.block[1])
        mask = torch.zeros(rows, cols, dtype=torch.bool, device=self.col_indices.device)
        mask[self.block_rows(), self.col_indices.long()] = True
        return mask

    def contiguous(self) -> "BSRMatrix":
        """Itself, or where it is transposed a copy that is stored so."""
        if not self.transposed:
            return self
        order = self.col_indices.argsort(stable=True)
        cols = -(-self.stored_shape[1] // self.block[1])
        crow_indices = torch.zeros(cols + 1, dtype=self.crow_indices.dtype, device=self.crow_indices.device)
        crow_indices[1:] = torch.bincount(self.col_indices, minlength=cols).cumsum(0)
        values = self.values[order].transpose(1, 2).contiguous()
        col_indices = self.block_rows()[order].to(self.col_indices.dtype)
        return BSRMatrix(crow_indices, col_indices, values, self.shape)

    def to(self, *args, **kwargs) -> "BSRMatrix":
        """As torch.Tensor.to: another device or dtype; indices keep their dtype."""
        values = self.values.to(*args, **kwargs)
        crow_indices, col_indices = self.crow_indices.to(values.device), self.col_indices.to(values.device)
        return BSRMatrix(crow_indices, col_indices, values, self.stored_shape, self.transposed)

    def with_values(self, values: torch.Tensor) -> "BSRMatrix":
        """The same pattern with other values."""
        return replace(self, values=values)

    def require_whole_blocks(self, form: str) -> None:
        """Raise ValueError where edge blocks are padded, which `form` does not know."""
        if any(size % side for size, side in zip(self.stored_shape, self.block, strict=True)):
            m, k = self.stored_shape
            raise ValueError(f"The matrix is {m} x {k}; {form} needs multiples of {self.block}.")

    @property
    def arrays(self) -> Arrays:
        """crow_indices, col_indices, values and the shape as stored."""
        return self.crow_indices, self.col_indices, self.values, self.stored_shape

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns), after transposition."""
        m, k = self.stored_shape
        return (k, m) if self.transposed else (m, k)

    @property
    def T(self) -> "BSRMatrix":
        """The transpose, as a view."""
        return replace(self, transposed=not self.transposed)

    def t(self) -> "BSRMatrix":
        """The transpose, as a view."""
        return self.T

    @property
    def block(self) -> tuple[int, int]:
        """(block_m, block_k) as stored."""
        return tuple(self.values.shape[1:])

    @property
    def density(self) -> float:
        """Share of the blocks that are stored."""
        rows, cols = self.crow_indices.shape[0] - 1, -(-self.stored_shape[1] // max(1, self.block[1]))
        return self.col_indices.shape[0] / max(1, rows * cols)

    @property
    def dtype(self) -> torch.dtype:
        """Of the values."""
        return self.values.dtype

    @property
    def device(self) -> torch.device:
        """Of the values."""
        return self.values.device

    @property
    def requires_grad(self) -> bool:
        """Whether the values require a gradient."""
        return self.values.requires_grad

    def __matmul__(self, other):
        """Product with a dense or a block-sparse matrix; in code for torch.compile write `sparse_mm`."""
        from .spmm import sparse_mm

        return sparse_mm(self, other)

    def __rmatmul__(self, other):
        """Product of a dense matrix with this."""
        from .spmm import sparse_mm

        return sparse_mm(other, self)

    def __repr__(self) -> str:
        m, k = self.shape
        return (
            f"BSRMatrix({m} x {k}, block={self.block}, nnzb={self.values.shape[0]}, dtype={self.dtype}, "
            f"device={self.device}{', transposed' if self.transposed else ''})"
        )


def as_bsr(A: torch.Tensor | BSRMatrix, argument: str = "A") -> BSRMatrix:
    """Take a torch.sparse_bsr matrix apart, sharing its tensors; TypeError for anything else.

    The blocks of a torch.sparse_bsc matrix, as ``A.t()`` is one, are copied.
    """
    if isinstance(A, BSRMatrix):
        return A
    if not isinstance(A, torch.Tensor):
        raise TypeError(
            f"{argument} is a {type(A).__name__}; expected a torch.sparse_bsr tensor or a BSRMatrix."
        )
    if A.layout is torch.sparse_bsc and A.dim() == 2:
        values = A.values().transpose(1, 2).contiguous()
        return BSRMatrix(A.ccol_indices(), A.row_indices(), values, tuple(reversed(A.shape)), transposed=True)
    if A.layout is not torch.sparse_bsr or A.dim() != 2:
        raise TypeError(
            f"{argument} is a {A.dim()}-dimensional tensor of layout {A.layout}; expected a matrix of layout "
            "torch.sparse_bsr: convert it with A.to_sparse_bsr((block_m, block_k))."
        )
    return BSRMatrix(A.crow_indices(), A.col_indices(), A.values(), tuple(A.shape))
