"""sparsify_: the linear layers of a model replaced by block-sparse ones."""

from collections.abc import Callable, Iterable
from contextlib import contextmanager
from typing import Literal

import torch
from torch import nn

from .linear import BlockSparseLinear
from .masks import block_scores, top_mask

Method = Literal["magnitude", "wanda"]


def sparsify_(
    model: nn.Module,
    filter: Callable[[str, nn.Linear], bool] | None = None,
    block_size: int | tuple[int, int] = 128,
    sparsity: float = 0.5,
    method: Method = "magnitude",
    *,
    batches: Iterable | None = None,
) -> list[str]:
    """Replace linear layers of `model`, in place, by BlockSparseLinear ones without their least blocks.

    Parameters
    ----------
    model : torch.nn.Module
    filter : callable, optional
        ``filter(name, layer)``: whether to replace this nn.Linear; by default all.
    block_size : int or (int, int)
    sparsity : float
        Share of each layer's blocks that is dropped.
    method : {"magnitude", "wanda"}
        Scores a block by its Frobenius norm, or by that of its weights times the norms of their inputs over
        `batches`.
    batches : iterable, optional
        For "wanda": what ``model(batch)`` is called with, without gradients; a dict is passed as keywords.

    Returns
    -------
    list[str]
        Names of the replaced layers.

    Raises
    ------
    ValueError
        A layer shares a parameter with another module, or an argument is none of those above.
    """
    layers = {
        name: layer
        for name, layer in model.named_modules()
        if type(layer) is nn.Linear and (filter is None or filter(name, layer))
    }
    if "" in layers:
        raise ValueError("model is an nn.Linear itself: use BlockSparseLinear.from_linear.")
    if method not in ("magnitude", "wanda"):
        raise ValueError(f'method is {method!r}; expected "magnitude" or "wanda".')
    if method == "wanda" and batches is None:
        raise ValueError('method is "wanda" and batches is None; expected batches to run the model with.')
    _refuse_tied(model, layers.values())
    norms = _input_norms(model, layers, batches) if method == "wanda" else {}
    for name, layer in layers.items():
        mask = top_mask(block_scores(layer.weight, block_size, norms.get(name)), sparsity)
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, BlockSparseLinear.from_linear(layer, mask, block_size))
    return list(layers)


def _refuse_tied(model: nn.Module, layers: Iterable[nn.Linear]) -> None:
    """Raise ValueError where a layer shares a parameter: its replacement would no longer."""
    names: dict[nn.Parameter, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(parameter, []).append(name)
    for layer in layers:
        for parameter in layer.parameters():
            if len(names[parameter]) > 1:
                raise ValueError(
                    f"One parameter has the names {', '.join(names[parameter])}, and a block-sparse layer "
                    "would not share it: leave these out by `filter`, or give each a parameter of its own."
                )


def _input_norms(
    model: nn.Module, layers: dict[str, nn.Linear], batches: Iterable
) -> dict[str, torch.Tensor]:
    """The norm of each input feature of each layer over the batches."""
    squares = {
        name: torch.zeros(layer.in_features, device=layer.weight.device) for name, layer in layers.items()
    }
    with torch.no_grad(), _observed(layers, squares):
        for batch in batches:
            model(**batch) if isinstance(batch, dict) else model(batch)
    return {name: square.sqrt() for name, square in squares.items()}


@contextmanager
def _observed(layers: dict[str, nn.Linear], squares: dict[str, torch.Tensor]):
    """Add the squares of what the layers are given to `squares`."""

    def hook(name: str) -> Callable:
        def observe(_layer: nn.Module, inputs: tuple) -> None:
            x = inputs[0].detach().float()
            squares[name] += x.reshape(-1, x.shape[-1]).square().sum(0)

        return observe

    handles = [layer.register_forward_pre_hook(hook(name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
