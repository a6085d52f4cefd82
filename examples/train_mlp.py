"""Train the feed-forward block of a GPT, dense beside block-sparse, for some steps on the same data.

The block is x + W2 gelu(W1 x + b1) + b2 with W1 [4d, d] and W2 [d, 4d]; both variants learn to imitate a
fixed random block. The sparse one draws the share --density of its weights' blocks once. Prints losses, the
median time of a step (forward, backward, AdamW) taken in turns, and the memory that each training holds.
Exit code: 0, or 1 if a loss did not fall.
"""

import argparse
import sys

import torch
from torch import nn

import blackwellsparsek as bsk
from blackwellsparsek.measure import interleaved_medians


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example: python examples/train_mlp.py --d 4096 --block 128",
    )
    parser.add_argument("--d", type=int, help="width (default: 4096 on a GPU, 128 on the CPU)")
    parser.add_argument("--tokens", type=int, help="a step (default: 8192 on a GPU, 128 on the CPU)")
    parser.add_argument("--block", type=int, help="default: 128 on a GPU, 32 on the CPU")
    parser.add_argument("--density", type=float, default=0.22, help="share of the blocks that are stored")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--device", type=torch.device, help="default: cuda if there is one, else cpu")
    arguments = parser.parse_args()
    arguments.device = arguments.device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    on_gpu = arguments.device.type == "cuda"
    arguments.d = arguments.d or (4096 if on_gpu else 128)
    arguments.tokens = arguments.tokens or (8192 if on_gpu else 128)
    arguments.block = arguments.block or (128 if on_gpu else 32)
    return arguments


class FeedForward(nn.Module):
    """x + down(gelu(up(x)))."""

    def __init__(self, up: nn.Module, down: nn.Module) -> None:
        super().__init__()
        self.up, self.down = up, down

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.down(nn.functional.gelu(self.up(x)))


class Training:
    """A block, its optimiser and the step that trains it."""

    def __init__(self, block: FeedForward, x: torch.Tensor, target: torch.Tensor) -> None:
        self.block, self.x, self.target = block, x, target
        self.optimizer = torch.optim.AdamW(block.parameters(), lr=1e-4)
        self.losses: list[torch.Tensor] = []

    def step(self) -> None:
        loss = nn.functional.mse_loss(self.block(self.x), self.target)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.losses.append(loss.detach())

    def held_bytes(self) -> int:
        """Weights, gradients and moments."""
        held = [t for p in self.block.parameters() for t in (p, p.grad, *self.optimizer.state[p].values())]
        return sum(tensor.nbytes for tensor in held)


def main() -> int:
    arguments = parse_arguments()
    device, d, dtype = arguments.device, arguments.d, torch.bfloat16
    like = {"device": device, "dtype": dtype}
    sparse = {"block_size": arguments.block, "density": arguments.density, **like}
    torch.manual_seed(0)
    x = torch.randn(arguments.tokens, d, device=device).to(dtype)
    teacher = FeedForward(nn.Linear(d, 4 * d, **like), nn.Linear(4 * d, d, **like))
    with torch.no_grad():
        target = teacher(x)
    del teacher
    layer = bsk.nn.BlockSparseLinear
    variants = {
        "dense": FeedForward(nn.Linear(d, 4 * d, **like), nn.Linear(4 * d, d, **like)),
        "sparse": FeedForward(layer(d, 4 * d, **sparse), layer(4 * d, d, **sparse)),
    }
    trainings = {name: Training(block, x, target) for name, block in variants.items()}
    times = interleaved_medians([t.step for t in trainings.values()], arguments.steps, device)
    print(f"d = {d}, {arguments.tokens} tokens, blocks of {arguments.block}, bfloat16 on {device}")
    right = True
    for (name, training), seconds in zip(trainings.items(), times, strict=True):
        first, last = training.losses[0].item(), training.losses[-1].item()
        right = right and last < first
        print(
            f"  {name:<8}{seconds * 1e3:10.3f} ms a step, loss {first:.5f} to {last:.5f} in "
            f"{len(training.losses)} steps, {training.held_bytes() / 1e6:.1f} MB held"
        )
    print(f"  A dense step takes {times[0] / times[1]:.2f} times as long as a sparse one.")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
