"""Which blocks of a weight are stored: their scores, and layers whose pattern changes in training."""

from collections.abc import Iterable

import torch

from ..blocks import block_of, block_rows_of, check_mask, pattern_of, split
from .linear import BlockSparseLinear


def block_scores(
    weight: torch.Tensor, block: int | tuple[int, int], input_norms: torch.Tensor | None = None
) -> torch.Tensor:
    """How much each block of a dense weight [out, in] matters: float32 [block_rows, block_cols].

    The Frobenius norm of the block; with `input_norms` [in], the norm of each input over some data, that of
    the weight times them, as Wanda scores elements (Sun et al., 2023).
    """
    scaled = weight.detach().float()
    if input_norms is not None:
        scaled = scaled * input_norms.float()
    return split(scaled, block_of(block)).norm(dim=(2, 3))


def top_mask(scores: torch.Tensor, sparsity: float) -> torch.Tensor:
    """The mask that drops the share `sparsity` of the blocks, those of lowest score."""
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparsity is {sparsity}; expected a share of the blocks between 0 and 1.")
    mask = torch.zeros(scores.numel(), dtype=torch.bool, device=scores.device)
    mask[scores.flatten().topk(scores.numel() - round(sparsity * scores.numel())).indices] = True
    return mask.view_as(scores)


def set_mask_(
    layer: BlockSparseLinear, mask: torch.Tensor, optimizer: torch.optim.Optimizer | None = None
) -> None:
    """Store the blocks of `mask`: those stored before keep their values, new ones begin as zeros.

    The optimizer's moments of the blocks move with them, and gradients are dropped. Where the number of
    blocks changes, `layer.weight` becomes a new parameter, which takes the place of the old one in the
    optimizer: without one, make the optimizer anew. Plans of the old pattern go with its index tensors.
    """
    check_mask(mask, layer.grid)
    mask = mask.to(layer.weight.device)
    before = layer.matrix
    nnzb, cols = before.values.shape[0], layer.grid[1]
    place_of = torch.full((mask.numel(),), nnzb, device=mask.device)  # nnzb: a block that is not stored
    place_of[before.block_rows() * cols + before.col_indices] = torch.arange(nnzb, device=mask.device)
    crow_indices, col_indices = pattern_of(mask)
    rows = block_rows_of(crow_indices, col_indices.shape[0])
    places = place_of[rows * cols + col_indices]

    def moved(blocks: torch.Tensor) -> torch.Tensor:
        return torch.cat([blocks, blocks.new_zeros(1, *blocks.shape[1:])])[places]

    old = layer.weight
    with torch.no_grad():
        if places.shape[0] == nnzb:
            old.copy_(moved(old))
            old.grad = None
        else:
            layer.weight = torch.nn.Parameter(moved(old), old.requires_grad)
    layer.crow_indices, layer.col_indices = crow_indices, col_indices
    if optimizer is not None:
        if old in optimizer.state:
            state = optimizer.state.pop(old)
            for name, value in state.items():
                if isinstance(value, torch.Tensor) and value.shape == before.values.shape:
                    state[name] = moved(value)
            optimizer.state[layer.weight] = state
        for group in optimizer.param_groups:
            group["params"] = [layer.weight if one is old else one for one in group["params"]]


def prune_(layer: BlockSparseLinear, sparsity: float, optimizer: torch.optim.Optimizer | None = None) -> None:
    """Drop stored blocks of lowest norm until the share `sparsity` of all blocks is not stored."""
    scores = _norms(layer, of_missing=-1.0)
    set_mask_(layer, top_mask(scores, sparsity) & (scores >= 0), optimizer)


def grow_and_drop_(
    layer: BlockSparseLinear,
    share: float,
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]],
    optimizer: torch.optim.Optimizer | None = None,
) -> None:
    """Replace the share `share` of the stored blocks, of lowest norm, by those of largest gradient norm.

    RigL (Evci et al., 2020) on blocks; as many blocks are stored afterwards as before.

    Parameters
    ----------
    layer : BlockSparseLinear
    share : float
        From 0 to 1; fewer are replaced where fewer are not stored.
    batches : iterable of (x, grad)
        At least one: what the layer was given [..., in_features], and the gradient of what it gave
        [..., out_features] before its activation. Their product is the gradient of the whole weight.
    optimizer : torch.optim.Optimizer, optional
        Whose state moves with the blocks.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}; expected one of the stored blocks between 0 and 1.")
    mask = layer.matrix.mask()
    replaced = min(round(share * int(mask.sum())), int((~mask).sum()))
    norms = _norms(layer, of_missing=torch.inf)
    gradient = None
    for x, grad in batches:
        product = grad.reshape(-1, layer.out_features).float().t() @ x.reshape(-1, layer.in_features).float()
        gradient = product if gradient is None else gradient + product
    if gradient is None:
        raise ValueError("batches is empty; expected at least one (x, grad).")
    growth = block_scores(gradient, layer.block_size).masked_fill(mask, -torch.inf)
    mask = mask.flatten()
    mask[norms.flatten().topk(replaced, largest=False).indices] = False
    mask[growth.flatten().topk(replaced).indices] = True
    set_mask_(layer, mask.view(layer.grid), optimizer)


def _norms(layer: BlockSparseLinear, of_missing: float) -> torch.Tensor:
    """The norm of each stored block, and `of_missing` for the others: float32 [block_rows, block_cols]."""
    norms = torch.full(layer.grid, of_missing, device=layer.weight.device)
    stored = layer.matrix.block_rows(), layer.col_indices.long()
    norms[stored] = layer.weight.detach().float().norm(dim=(1, 2))
    return norms
