"""Training in two processes: layers sharded by FSDP learn what the whole model would."""

import os
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import fully_shard

from blackwellsparsek.nn import BlockSparseLinear

PROCESSES = 2

pytestmark = pytest.mark.skipif(not dist.is_gloo_available(), reason="this PyTorch has no gloo")


def model() -> nn.Sequential:
    torch.manual_seed(0)
    sizes = {"block_size": 16, "density": 0.4}  # 19 of 48 blocks, which two cannot halve
    return nn.Sequential(BlockSparseLinear(96, 128, **sizes), nn.GELU(), BlockSparseLinear(128, 96, **sizes))


def train(network: nn.Module, x: torch.Tensor, target: torch.Tensor) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.mse_loss(network(x), target).backward()
        optimizer.step()


def process(rank: int, store: Path) -> None:
    """Trains on every second row, sharded; process 0 keeps the state of the whole model."""
    dist.init_process_group("gloo", init_method=store.as_uri(), rank=rank, world_size=PROCESSES)
    mesh = dist.init_device_mesh("cpu", (PROCESSES,))
    network = model()
    for layer in (network[0], network[2]):
        fully_shard(layer, mesh=mesh)
    fully_shard(network, mesh=mesh)
    assert network[0].weight.to_local().shape[0] < network[0].col_indices.shape[0]
    x, target = data()
    train(network, x[rank::PROCESSES], target[rank::PROCESSES])
    state = get_model_state_dict(network, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
    if rank == 0:
        torch.save(state, store.with_name("state.pt"))
    dist.barrier()  # neither leaves while the other still communicates
    # The interpreter's own end, with gloo's threads alive, has now and then been a SIGABRT.
    os._exit(0)


def data() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(8, 96, generator=generator), torch.randn(8, 96, generator=generator)


def test_sharded_layers_learn_what_the_whole_model_does(tmp_path):
    multiprocessing.spawn(process, (tmp_path / "store",), nprocs=PROCESSES)
    sharded, whole = model(), model()
    sharded.load_state_dict(torch.load(tmp_path / "state.pt"))
    before = whole[0].weight.detach().clone()
    train(whole, *data())
    assert not torch.allclose(whole[0].weight, before, atol=1e-3)
    for got, expected in zip(sharded.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
