"""A block-sparse matrix with stk's constructor and attributes."""

import torch

from ..bsr import BSRMatrix


class Matrix:
    """A block-sparse matrix; `t()` is a view.

    Parameters
    ----------
    size : tuple[int, int]
        Rows and columns.
    data : torch.Tensor
        [nnz_blocks, block, block]; may require a gradient.
    row_indices : torch.Tensor
        Follows from `offsets`: it is not read.
    column_indices, offsets : torch.Tensor
        As `col_indices` and `crow_indices` of a BSRMatrix; int16 is converted.
    transpose_arrays : torch.Tensor
        stk's column_indices_t, offsets_t and block_offsets_t, which are not needed here.
    """

    def __init__(
        self,
        size: tuple[int, int],
        data: torch.Tensor,
        row_indices: torch.Tensor | None,
        column_indices: torch.Tensor,
        offsets: torch.Tensor,
        *transpose_arrays: torch.Tensor | None,
    ) -> None:
        indices = (x if x.dtype in (torch.int32, torch.int64) else x.int() for x in (offsets, column_indices))
        self.bsr = BSRMatrix(*indices, data, tuple(size))

    @classmethod
    def of(cls, bsr: BSRMatrix) -> "Matrix":
        """Around a BSRMatrix, whose tensors are shared."""
        made = cls.__new__(cls)
        made.bsr = bsr
        return made

    def size(self) -> torch.Size:
        """Rows and columns, after transposition."""
        return torch.Size(self.bsr.shape)

    def t(self) -> "Matrix":
        """The transpose, as a view."""
        return Matrix.of(self.bsr.T)

    def contiguous(self) -> "Matrix":
        """Itself, or where it is transposed a copy that is stored so."""
        return Matrix.of(self.bsr.contiguous())

    def is_contiguous(self) -> bool:
        """Whether it is not transposed."""
        return not self.bsr.transposed

    def to(self, *args, **kwargs) -> "Matrix":
        """As torch.Tensor.to: another device or dtype of the data."""
        return Matrix.of(self.bsr.to(*args, **kwargs))

    def cuda(self) -> "Matrix":
        """On the current CUDA device."""
        return self.to("cuda")

    def clone(self) -> "Matrix":
        """A copy of the data; the index tensors are shared, as nothing changes them."""
        return Matrix.of(self.bsr.with_values(self.data.clone()))

    def dim(self) -> int:
        """2, as of any matrix."""
        return 2

    def requires_grad_(self, requires_grad: bool = True) -> "Matrix":
        """Whether `data` is to receive a gradient."""
        self.data.requires_grad_(requires_grad)
        return self

    def validate(self) -> None:
        """Raise ValueError where the arrays form no matrix of this size."""
        crow_indices, col_indices, values, shape = self.bsr.arrays
        # On the host: a device that finds an index out of range ends its context.
        blocks = torch.empty((), dtype=values.dtype).expand(values.shape)
        try:
            torch.sparse_bsr_tensor(
                crow_indices.cpu(), col_indices.cpu(), blocks, size=shape, check_invariants=True
            )
        except RuntimeError as error:
            raise ValueError(f"The arrays form no BSR matrix: {error}") from error

    def is_transposed(self) -> bool:
        """Whether this is the transpose of what is stored."""
        return self.bsr.transposed

    @property
    def data(self) -> torch.Tensor:
        """The stored blocks."""
        return self.bsr.values

    @property
    def row_indices(self) -> torch.Tensor:
        """The block row of each stored block."""
        return self.bsr.block_rows()

    @property
    def column_indices(self) -> torch.Tensor:
        """The block column of each stored block."""
        return self.bsr.col_indices

    @property
    def offsets(self) -> torch.Tensor:
        """Where each block row begins."""
        return self.bsr.crow_indices

    @property
    def column_indices_t(self) -> None:
        """Nothing: a transpose needs no arrays of its own."""

    offsets_t = block_offsets_t = column_indices_t

    @property
    def blocking(self) -> int:
        """Rows of a block."""
        return self.bsr.block[0]

    @property
    def nnz(self) -> int:
        """Stored elements."""
        return self.bsr.values.numel()

    @property
    def shape(self) -> torch.Size:
        """As `size()`."""
        return self.size()

    @property
    def requires_grad(self) -> bool:
        """Of the data."""
        return self.bsr.requires_grad

    @property
    def grad(self) -> "Matrix | None":
        """The gradient of the data, at the same topology."""
        return None if self.data.grad is None else Matrix.of(self.bsr.with_values(self.data.grad))

    @property
    def is_cuda(self) -> bool:
        """Whether the data is on a CUDA device."""
        return self.data.is_cuda

    @property
    def device(self) -> torch.device:
        """Of the data."""
        return self.bsr.device

    @property
    def dtype(self) -> torch.dtype:
        """Of the data."""
        return self.bsr.dtype
