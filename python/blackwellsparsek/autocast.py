"""Autocast for products: floating operands take the dtype that torch.autocast asks for."""

import torch


def cast(*operands: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
    """The operands, in the autocast dtype of the first one's device where autocast is on; float64 stays."""
    if not torch._C._is_any_autocast_enabled():  # cheaper than to ask for the device
        return operands
    device = operands[0].device.type
    if not torch.is_autocast_enabled(device):
        return operands
    dtype = torch.get_autocast_dtype(device)
    return tuple(x if x is None or x.dtype is torch.float64 else x.to(dtype) for x in operands)
