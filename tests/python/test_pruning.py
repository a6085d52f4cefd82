"""Pruning of models, and masks that change while training."""

import copy
import gc

import pytest
import torch
from torch import nn

import blackwellsparsek as bsk
from blackwellsparsek import plan_cache
from blackwellsparsek.nn import BlockSparseLinear, cubic_sparsity, grow_and_drop_, prune_
from blackwellsparsek.nn.masks import block_scores, set_mask_
from support import assert_like_dense, random_dense


def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(96, 128), nn.GELU(), nn.Linear(128, 100), nn.LayerNorm(100), nn.Linear(100, 8)
    )


def test_what_is_frozen_stays_frozen():
    dense = model().eval()
    dense[0].requires_grad_(False)
    dense[2].bias.requires_grad_(False)
    bsk.sparsify_(dense, block_size=32)
    frozen = [name for name, parameter in dense.named_parameters() if not parameter.requires_grad]
    assert frozen == ["0.weight", "0.bias", "2.bias"] and not dense[0].training
    assert not dense[0].to_dense().weight.requires_grad


@pytest.mark.parametrize("method", ["magnitude", "wanda"])
def test_sparsify(device, method):
    dense = model().to(device)
    sparse = copy.deepcopy(dense)
    batches = [random_dense(64, 96, torch.float32, device, seed) for seed in range(2)]
    names = bsk.sparsify_(
        sparse, lambda name, layer: layer.out_features > 8, 32, 0.5, method, batches=batches
    )
    assert names == ["0", "2"] and isinstance(sparse[4], nn.Linear)
    for name in names:
        layer = sparse.get_submodule(name)
        assert abs(layer.density - 0.5) < 0.05
        assert_like_dense(layer, random_dense(5, layer.in_features, torch.float32, device))
    loss = sparse(batches[0]).square().mean()
    loss.backward()
    assert all(parameter.grad is not None for parameter in sparse.parameters())


def test_wanda_drops_blocks_whose_inputs_are_small():
    layers = nn.Sequential(nn.Linear(64, 64))
    x = torch.ones(8, 64)
    x[:, :32] = 1e-3
    bsk.sparsify_(layers, None, 32, 0.5, "wanda", batches=[x])
    assert layers[0].col_indices.tolist() == [1, 1]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"method": "random"}, 'method is \'random\'; expected "magnitude" or "wanda"'),
        ({"method": "wanda"}, "batches is None"),
        ({"sparsity": 1.5}, "sparsity is 1.5"),
    ],
)
def test_sparsify_refuses(arguments, message):
    untouched = model()
    with pytest.raises(ValueError, match=message):
        bsk.sparsify_(untouched, **arguments)
    assert isinstance(untouched[0], nn.Linear)


def test_gradual_pruning_trains_and_keeps_the_moments_of_its_blocks(device):
    torch.manual_seed(0)
    layer = BlockSparseLinear.from_linear(nn.Linear(128, 128, device=device), block_size=32)
    teacher = random_dense(128, 128, torch.float32, device) / 11
    optimizer = torch.optim.Adam(layer.parameters(), lr=1e-2)
    gc.collect()
    patterns = len(plan_cache._patterns)
    losses = []
    for step in range(30):
        x = random_dense(64, 128, torch.float32, device, seed=step)
        loss = (layer(x) - x @ teacher.t()).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step % 5 == 4:
            before = layer.to_dense().weight
            moment = layer.matrix.with_values(optimizer.state[layer.weight]["exp_avg"]).to_dense()
            prune_(layer, cubic_sparsity(step, 0, 20, 0.5), optimizer)
            stored = layer.matrix.with_values(torch.ones_like(layer.weight)).to_dense()
            assert torch.equal(layer.to_dense().weight, before * stored)
            moved = layer.matrix.with_values(optimizer.state[layer.weight]["exp_avg"]).to_dense()
            assert torch.equal(moved, moment * stored)
    assert layer.density == 0.5 and losses[-1] < losses[0]
    assert len(plan_cache._patterns) <= patterns + 1, "plans of old masks are kept"


def test_grown_blocks_are_those_of_largest_gradient(device):
    layer = BlockSparseLinear(128, 128, block_size=32, density=0.5, device=device)
    x = random_dense(64, 128, torch.float32, device)
    grad = random_dense(64, 128, torch.float32, device, seed=2)
    mask, weight = layer.matrix.mask(), layer.to_dense().weight
    gradient = block_scores(grad.t() @ x, (32, 32)).masked_fill(mask, 0)
    norms = block_scores(weight, (32, 32)).masked_fill(~mask, torch.inf)
    grow_and_drop_(layer, 0.25, [(x, grad)])
    after = layer.matrix.mask()
    assert after.sum() == mask.sum() and (after & ~mask).sum() == 2
    assert (after & ~mask).flatten()[gradient.flatten().topk(2).indices].all()
    assert not after.flatten()[norms.flatten().topk(2, largest=False).indices].any()
    kept = (mask & after).repeat_interleave(32, 0).repeat_interleave(32, 1)
    assert torch.equal(layer.to_dense().weight, weight * kept)


@pytest.mark.parametrize(
    "share, batches, message",
    [
        (-0.5, [(torch.ones(64), torch.ones(64))], "share is -0.5"),
        (2.0, [(torch.ones(64), torch.ones(64))], "share is 2.0"),
        (0.5, [], "batches is empty"),
    ],
)
def test_growing_refuses(share, batches, message):
    layer = BlockSparseLinear(64, 64, block_size=32, density=0.5)
    before = layer.matrix.mask()
    with pytest.raises(ValueError, match=message):
        grow_and_drop_(layer, share, batches)
    assert torch.equal(layer.matrix.mask(), before)


def test_a_single_sample_has_scores():
    layers = nn.Sequential(BlockSparseLinear(64, 64, block_size=32, density=0.5), nn.Linear(64, 64))
    x = torch.cat([torch.zeros(32), torch.ones(32)])
    bsk.sparsify_(layers, None, 32, 0.5, "wanda", batches=[torch.ones(64)])
    grow_and_drop_(layers[0], 0.5, [(x, torch.ones(64))])
    assert layers[0].density == layers[1].density == 0.5


def test_a_mask_is_set_beside_an_optimizer_of_other_parameters(device):
    layer = BlockSparseLinear(64, 64, block_size=32, density=0.5, device=device)
    optimizer = torch.optim.Adam(nn.Linear(4, 4, device=device).parameters())
    set_mask_(layer, torch.ones(2, 2, dtype=torch.bool), optimizer)
    assert layer.density == 1 and not optimizer.state
    optimizer.state_dict()


def test_many_masks_leave_no_plans(device):
    layer = BlockSparseLinear(128, 128, block_size=32, density=0.5, device=device)
    x = random_dense(8, 128, torch.float32, device)
    gc.collect()
    before = len(plan_cache._patterns)
    for seed in range(20):
        torch.manual_seed(seed)
        set_mask_(layer, torch.rand(4, 4, device=device) < 0.5)
        assert_like_dense(layer, x)
    assert len(plan_cache._patterns) <= before + 1


def test_cubic_sparsity():
    assert cubic_sparsity(0, 5, 25, 0.8, 0.1) == pytest.approx(0.1)
    assert cubic_sparsity(30, 5, 25, 0.8, 0.1) == 0.8
    assert cubic_sparsity(15, 5, 25, 0.8) == pytest.approx(0.7)
    with pytest.raises(ValueError, match="end is 5 and begin 5"):
        cubic_sparsity(1, 5, 5, 0.5)


class Tied(nn.Module):
    """An output layer with the weight of the embedding, as in GPT-2, and two layers of one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(64, 32)
        self.up, self.again = nn.Linear(32, 32), nn.Linear(32, 32)
        self.again.weight = self.up.weight
        self.head = nn.Linear(32, 64, bias=False)
        self.head.weight = self.embedding.weight


@pytest.mark.parametrize(
    "names, others",
    [
        (["head"], "embedding.weight, head.weight"),
        (["up"], "up.weight, again.weight"),
        (["up", "again"], "up.weight, again.weight"),
    ],
)
def test_tied_weights_are_refused_by_name(names, others):
    tied = Tied()
    with pytest.raises(ValueError, match=f"One parameter has the names {others}"):
        bsk.sparsify_(tied, lambda name, _: name in names, block_size=16)
    assert not any(isinstance(layer, BlockSparseLinear) for layer in tied.modules())
    assert tied.head.weight is tied.embedding.weight


def test_a_layer_with_two_names_is_refused():
    shared = nn.Linear(32, 32)
    with pytest.raises(ValueError, match=r"One parameter has the names 0\.weight, 2\.weight"):
        bsk.sparsify_(nn.Sequential(shared, nn.ReLU(), shared), block_size=16)
