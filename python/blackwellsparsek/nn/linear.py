"""BlockSparseLinear: torch.nn.Linear whose weight has blocks."""

import math

import torch
from torch import nn

from .. import activations
from ..blocks import SIDES, block_of, check_mask, pattern_of
from ..bsr import BSRMatrix
from ..functional import linear_of_arrays


class BlockSparseLinear(nn.Module):
    """``activation(x @ weight.T + bias)`` with a block-sparse weight: a drop-in for torch.nn.Linear.

    Its state is plain dense tensors, so that optimisers, FSDP, safetensors and `.to()` see nothing unusual:
    the parameters `weight` [nnzb, block_m, block_k], the stored blocks, and `bias` [out_features], and the
    buffers `crow_indices` and `col_indices` (int32). A state dict of nn.Linear, with a dense `weight`, loads
    too: the stored blocks are taken from it.

    Parameters
    ----------
    in_features, out_features : int
        Need be no multiples of the block.
    bias : bool
    block_size : int or (int, int)
        Sides in {16, 32, 64, 128, 256}.
    mask : torch.Tensor, optional
        bool [block_rows, block_cols]: which blocks are stored. By default a share `density`, drawn at random.
    density : float
        From 0 to 1; not read where there is a mask.
    activation : {"none", "relu", "gelu", "gelu_tanh", "silu"}
    device, dtype
        As in torch.nn.Linear.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        block_size: int | tuple[int, int] = 128,
        mask: torch.Tensor | None = None,
        density: float = 0.25,
        activation: str = "none",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.block_size = block_of(block_size)
        if not set(self.block_size) <= set(SIDES):
            raise ValueError(f"block_size is {block_size}; expected sides of {', '.join(map(str, SIDES))}.")
        activations.number_of(activation)
        self.activation = activation
        blocks = self.grid
        if not 0 <= density <= 1:
            raise ValueError(f"density is {density}; expected a share of the blocks between 0 and 1.")
        if mask is None:
            stored = round(density * blocks[0] * blocks[1])
            mask = torch.zeros(blocks, dtype=torch.bool, device="cpu")  # even where the default is "meta"
            mask.view(-1)[torch.randperm(mask.numel(), device="cpu")[:stored]] = True
        else:
            check_mask(mask, blocks)
        crow_indices, col_indices = pattern_of(mask)
        nnzb = col_indices.shape[0]
        self.weight = nn.Parameter(torch.empty(nnzb, *self.block_size, device=device, dtype=dtype))
        self.register_buffer("crow_indices", crow_indices.to(self.weight.device))
        self.register_buffer("col_indices", col_indices.to(self.weight.device))
        self.bias = nn.Parameter(torch.empty(out_features, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights as nn.Linear does, for the inputs that an output sees on average."""
        seen = max(1.0, self.density * self.in_features)
        nn.init.uniform_(self.weight, -1 / math.sqrt(seen), 1 / math.sqrt(seen))
        if self.bias is not None:
            nn.init.uniform_(self.bias, -1 / math.sqrt(seen), 1 / math.sqrt(seen))

    @classmethod
    def from_linear(
        cls,
        layer: nn.Linear,
        mask: torch.Tensor | None = None,
        block_size: int | tuple[int, int] = 128,
        activation: str = "none",
    ) -> "BlockSparseLinear":
        """Take the blocks of `mask` from a dense layer; by default those that hold a nonzero.

        What is frozen in the layer (``requires_grad=False``) stays so.
        """
        stored = BSRMatrix.from_dense(layer.weight.detach(), block_size, mask)
        made = cls(
            layer.in_features,
            layer.out_features,
            layer.bias is not None,
            block_size=stored.block,
            mask=stored.mask(),
            activation=activation,
            device=layer.weight.device,
            dtype=layer.weight.dtype,
        )
        with torch.no_grad():
            made.weight.copy_(stored.values)
            if layer.bias is not None:
                made.bias.copy_(layer.bias)
        return _as_trained_as(layer, made)

    def to_dense(self) -> nn.Linear:
        """A torch.nn.Linear of the same weight, without the activation."""
        layer = nn.Linear(
            self.in_features,
            self.out_features,
            self.bias is not None,
            device=self.weight.device,
            dtype=self.weight.dtype,
        )
        with torch.no_grad():
            layer.weight.copy_(self.matrix.to_dense())
            if self.bias is not None:
                layer.bias.copy_(self.bias)
        return _as_trained_as(self, layer)

    @property
    def matrix(self) -> BSRMatrix:
        """The weight [out_features, in_features], sharing the module's tensors."""
        shape = (self.out_features, self.in_features)
        return BSRMatrix(self.crow_indices, self.col_indices, self.weight, shape)

    @property
    def grid(self) -> tuple[int, int]:
        """Blocks that cover the weight: (block rows, block columns)."""
        return (-(-self.out_features // self.block_size[0]), -(-self.in_features // self.block_size[1]))

    @property
    def density(self) -> float:
        """Share of the blocks that are stored."""
        rows, cols = self.grid
        return self.col_indices.shape[0] / max(1, rows * cols)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[..., in_features] to [..., out_features]."""
        arrays = (self.crow_indices, self.col_indices, self.weight, (self.out_features, self.in_features))
        return linear_of_arrays(x, arrays, self.bias, self.activation)

    def extra_repr(self) -> str:
        """Shown by repr."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}, block_size={self.block_size}, density={self.density:.3f}, "
            f"activation={self.activation!r}"
        )

    def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs) -> None:
        """Take another number of blocks, or a dense weight, as they come."""
        weight = state_dict.get(prefix + "weight")
        if weight is not None and weight.shape == (self.out_features, self.in_features):
            stored = BSRMatrix.from_dense(weight, self.block_size, self.matrix.mask().to(weight.device))
            state_dict[prefix + "weight"] = stored.values
            state_dict[prefix + "crow_indices"] = self.crow_indices
            state_dict[prefix + "col_indices"] = self.col_indices
        elif weight is not None and weight.dim() == 3 and weight.shape[0] != self.weight.shape[0]:
            sizes = (weight.shape[0], *self.block_size)
            self.weight = nn.Parameter(self.weight.detach().new_empty(sizes), self.weight.requires_grad)
            self.col_indices = self.col_indices.new_empty(weight.shape[0])
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _as_trained_as(layer: nn.Module, made: nn.Module) -> nn.Module:
    """`made`, in the mode of `layer`, and with what is frozen there frozen."""
    for name, parameter in made.named_parameters():
        parameter.requires_grad_(getattr(layer, name).requires_grad)
    return made.train(layer.training)
