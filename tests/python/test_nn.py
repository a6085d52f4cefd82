"""BlockSparseLinear: drop-in for nn.Linear, checkpoints."""

import copy

import pytest
import torch
from torch import nn

from blackwellsparsek.nn import BlockSparseLinear, top_mask
from blackwellsparsek.nn.masks import block_scores
from support import assert_like_dense, random_dense


@pytest.mark.parametrize("sizes", [(96, 128), (100, 70)])
@pytest.mark.parametrize("bias", [False, True])
def test_from_and_to_dense(device, sizes, bias):
    dense = nn.Linear(*sizes, bias=bias, device=device)
    x = random_dense(5, sizes[0], torch.float32, device).view(5, 1, -1)
    full = BlockSparseLinear.from_linear(dense, block_size=32)
    assert full.density == 1
    torch.testing.assert_close(full(x), dense(x), rtol=1e-4, atol=1e-4)
    assert torch.equal(full.to_dense().weight, dense.weight)
    mask = top_mask(block_scores(dense.weight, (32, 32)), 0.5)
    half = BlockSparseLinear.from_linear(dense, mask, 32)
    assert_like_dense(half, x)
    kept = mask.repeat_interleave(32, 0).repeat_interleave(32, 1)[: sizes[1], : sizes[0]]
    assert torch.equal(half.to_dense().weight, dense.weight * kept)


def test_state_survives_saving_and_loading(device, tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    layer = BlockSparseLinear(96, 128, block_size=32, density=0.3, device=device)
    other = BlockSparseLinear(96, 128, block_size=32, density=0.6, device=device)
    x = random_dense(5, 96, torch.float32, device)
    safetensors.save_file(layer.state_dict(), tmp_path / "layer.safetensors")
    other.load_state_dict(safetensors.load_file(tmp_path / "layer.safetensors"))
    assert torch.equal(other(x), layer(x)) and other.density == layer.density
    torch.save(layer, tmp_path / "layer.pt")
    again = torch.load(tmp_path / "layer.pt", weights_only=False)
    assert torch.equal(again(x), layer(x))
    assert torch.equal(copy.deepcopy(layer)(x), layer(x))


def test_a_layer_without_memory_takes_a_checkpoint(device):
    layer = BlockSparseLinear(96, 128, block_size=32, density=0.3, device=device)
    with torch.device("meta"):
        empty = BlockSparseLinear(96, 128, block_size=32, density=0.6)
    assert all(tensor.is_meta for tensor in empty.state_dict().values())
    empty.to_empty(device=device).load_state_dict(layer.state_dict())
    x = random_dense(5, 96, torch.float32, device)
    assert torch.equal(empty(x), layer(x))


def test_a_dense_checkpoint_loads(device):
    dense = nn.Linear(96, 128, device=device)
    layer = BlockSparseLinear(96, 128, block_size=32, density=0.3, device=device)
    layer.load_state_dict(dense.state_dict())
    stored = layer.matrix.with_values(torch.ones_like(layer.weight)).to_dense()
    assert torch.equal(layer.to_dense().weight, dense.weight * stored)
    assert torch.equal(layer.bias, dense.bias)


@pytest.mark.parametrize("sizes", [(90, 128), (96, 100)])
def test_a_dense_checkpoint_of_another_size_is_refused(sizes):
    layer = BlockSparseLinear(96, 128, block_size=128, density=1.0)
    with pytest.raises(RuntimeError, match="size mismatch for weight"):
        layer.load_state_dict(nn.Linear(*sizes).state_dict())


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"density": -0.5}, ValueError, "density is -0.5; expected a share"),
        ({"density": 1.5}, ValueError, "density is 1.5"),
        ({"activation": "tanh"}, ValueError, "activation is 'tanh'; expected one of none"),
        ({"block_size": 0}, ValueError, "block is 0; expected a positive size"),
        ({"block_size": 48}, ValueError, "block_size is 48; expected sides of 16, 32, 64, 128, 256"),
        ({"block_size": (32, 32, 32)}, ValueError, r"block is \(32, 32, 32\)"),
        (
            {"mask": torch.ones(4, 3, dtype=torch.int32)},
            TypeError,
            "mask is torch.int32; expected torch.bool",
        ),
        ({"mask": torch.ones(3, 4, dtype=torch.bool)}, ValueError, r"mask is \(3, 4\); expected \(4, 3\)"),
    ],
)
def test_a_layer_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        BlockSparseLinear(96, 128, **{"block_size": 32, **arguments})


def test_conversions_of_a_module(device):
    layer = BlockSparseLinear(96, 128, block_size=32, density=0.3).to(device).half()
    assert layer.weight.dtype is torch.float16 and layer.crow_indices.dtype is torch.int32
    assert layer.crow_indices.device.type == device
    assert layer(random_dense(5, 96, torch.float16, device)).dtype is torch.float16
    assert set(layer.state_dict()) == {"weight", "bias", "crow_indices", "col_indices"}
