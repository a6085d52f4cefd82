"""safetensors files: crow_indices, col_indices, values, and the sizes as metadata."""

from pathlib import Path

import torch

from ..bsr import BSRMatrix
from .scipy_form import bsr_tensor


def read_safetensors(path: Path) -> torch.Tensor:
    """A torch.sparse_bsr matrix; ValueError names the field that contradicts another."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path}: {error}") from error
    if metadata.get("format") != "bsr":
        raise ValueError(f'{path}, metadata "format": {metadata.get("format")!r}; expected "bsr".')
    shape = _pair(path, metadata, "shape")
    block = _pair(path, metadata, "block")
    for name, dimensions in (("crow_indices", 1), ("col_indices", 1), ("values", 3)):
        if name not in tensors:
            raise ValueError(f"{path}: there is no tensor {name}.")
        if tensors[name].dim() != dimensions:
            raise ValueError(f"{path}, {name}: {tensors[name].dim()} dimensions; expected {dimensions}.")
    values = tensors["values"]
    if tuple(values.shape[1:]) != block:
        raise ValueError(
            f'{path}, metadata "block": {block}, but values have blocks of {tuple(values.shape[1:])}.'
        )
    if values.dtype not in (torch.float16, torch.bfloat16, torch.float32):
        raise ValueError(f"{path}, values: {values.dtype}; expected float16, bfloat16 or float32.")
    padded = tuple(-(-size // side) * side for size, side in zip(shape, block, strict=True))
    try:
        return bsr_tensor(tensors["crow_indices"], tensors["col_indices"], values, padded)
    except ValueError as error:
        raise ValueError(f"{path}, crow_indices and col_indices: {error}") from error


def write_safetensors(path: Path, A: BSRMatrix) -> None:
    """Its stored blocks in their dtype."""
    from safetensors.torch import save_file

    m, k = A.shape
    block_m, block_k = A.block
    save_file(
        {
            "crow_indices": A.crow_indices.to(torch.int32).contiguous(),
            "col_indices": A.col_indices.to(torch.int32).contiguous(),
            "values": A.values.detach().contiguous(),
        },
        path,
        metadata={"format": "bsr", "shape": f"{m},{k}", "block": f"{block_m},{block_k}"},
    )


def _pair(path: Path, metadata: dict[str, str], field: str) -> tuple[int, int]:
    text = metadata.get(field, "")
    words = text.split(",")
    if len(words) != 2 or not all(word.strip().isdecimal() for word in words):
        raise ValueError(f'{path}, metadata "{field}": {text!r}; expected two numbers, as in "128,64".')
    if field == "block" and any(int(word) == 0 for word in words):
        raise ValueError(f'{path}, metadata "block": {text!r}; expected positive sides.')
    return int(words[0]), int(words[1])
