"""Forward and backward of a block-sparse linear layer beside torch.nn.Linear, in turns.

Prints a JSON record for each block and dtype: median milliseconds of the forward, of the whole step (forward,
dX, dW, db) and of its parts, the memory of weights, gradients and Adam's state, and the errors of all
gradients against dense autograd. With --peers also the forward of torch's own Triton kernels for BSR weights,
with the parameters that its tuner finds, and the time of one forward from the call to its result, which
counts the host's time.
"""

import argparse
import json

import torch

import blackwellsparsek as bsk
from blackwellsparsek import operators
from blackwellsparsek.benchmarking.environment import sources
from blackwellsparsek.benchmarking.triton_peers import tune
from blackwellsparsek.measure import interleaved_medians

# Calls that are timed together, as in training: the host runs ahead of the device, and the 25 ms and more are
# long enough for clocks to forget the power that what ran before took.
IN_A_ROW = 20
TUNING_SECONDS = 8.0  # for the parameters of torch's kernel


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example: python benchmarks/linear_training.py --blocks 128 64 --dtypes bfloat16 float16",
    )
    parser.add_argument("--tokens", type=int, default=8192)
    parser.add_argument("--features", type=int, default=8192, help="in and out")
    parser.add_argument("--density", type=float, default=0.22)
    parser.add_argument("--blocks", type=int, nargs="+", default=[128, 64], choices=(16, 32, 64, 128, 256))
    parser.add_argument("--dtypes", nargs="+", default=["bfloat16"], choices=("float16", "bfloat16"))
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--peers", action="store_true", help="also torch's own forward with a BSR weight")
    arguments = parser.parse_args()
    if arguments.peers and not torch.cuda.is_available():
        parser.error("--peers needs a CUDA device: torch's Triton kernels run on no other.")
    return arguments


def step(layer: torch.nn.Module, x: torch.Tensor, grad: torch.Tensor) -> list[torch.Tensor]:
    """The gradients of x, the weight and the bias."""
    return torch.autograd.grad(layer(x), (x, layer.weight, layer.bias), grad)


def adam_bytes(layer: torch.nn.Module, x: torch.Tensor, grad: torch.Tensor) -> int:
    """Of the layer's weight, gradient and Adam's state after a step."""
    optimizer = torch.optim.Adam([layer.weight])
    layer.weight.grad = step(layer, x, grad)[1]
    optimizer.step()
    tensors = [layer.weight, layer.weight.grad, *optimizer.state[layer.weight].values()]
    layer.weight.grad = None
    return sum(tensor.nbytes for tensor in tensors)


def relative(got: torch.Tensor, expected: torch.Tensor) -> float:
    return ((got.float() - expected.float()).norm() / expected.float().norm()).item()


def measure(arguments: argparse.Namespace, block: int, dtype: torch.dtype, device: torch.device) -> dict:
    tokens, features = arguments.tokens, arguments.features
    torch.manual_seed(0)
    sparse = bsk.nn.BlockSparseLinear(
        features, features, block_size=block, density=arguments.density, device=device, dtype=dtype
    )
    masked = sparse.to_dense()  # the same weight, for errors
    dense = torch.nn.Linear(features, features, device=device, dtype=dtype)  # zeros would save power
    x = torch.randn(tokens, features, device=device).to(dtype).requires_grad_()
    grad = torch.randn(tokens, features, device=device).to(dtype)

    got, expected = step(sparse, x, grad), step(masked, x, grad)
    stored = bsk.BSRMatrix.from_dense(expected[1], sparse.block_size, sparse.matrix.mask())
    errors = {
        "y": relative(sparse(x), masked(x)),
        "dx": relative(got[0], expected[0]),
        "dw": relative(got[1], stored.values),
        "dbias": relative(got[2], expected[2]),
    }
    del masked, got, expected, stored
    arrays = tuple(part.detach() if isinstance(part, torch.Tensor) else part for part in sparse.matrix.arrays)
    plain = x.detach()
    calls = {
        "dense_step": lambda: step(dense, x, grad),
        "bsk_step": lambda: step(sparse, x, grad),
        "dense_forward": lambda: torch.nn.functional.linear(plain, dense.weight.detach()),
        "bsk_forward": lambda: operators.linear(plain, *arrays, None, "none"),
        "bsk_dx": lambda: operators.dds(grad, *arrays, False, False),
        "bsk_dw": lambda: operators.sdd(grad, plain, *arrays, True, False),
    }
    if arguments.peers:
        weight = bsk.BSRMatrix(*arrays).to_torch()
        parameters = tune(weight, plain.t(), torch.empty_like(grad).t(), TUNING_SECONDS, store=True)
        calls["torch_bsr_forward"] = lambda: torch.nn.functional.linear(plain, weight)
    rows = [lambda call=call: [call() for _ in range(IN_A_ROW)] for call in calls.values()]
    times = interleaved_medians(rows, arguments.repetitions, device, warm_up=2)
    milliseconds = {name: seconds * 1e3 / IN_A_ROW for name, seconds in zip(calls, times, strict=True)}
    record = {
        "schema": "bsk.linear_training/1",
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        "torch": torch.__version__,
        "version": bsk.__version__,
        **sources(),
        "tokens": tokens,
        "features": features,
        "block": block,
        "density": sparse.density,
        "dtype": str(dtype).removeprefix("torch."),
        "in_a_row": IN_A_ROW,
        "milliseconds": milliseconds,
        "step_speedup": milliseconds["dense_step"] / milliseconds["bsk_step"],
        "state_bytes": adam_bytes(sparse, x, grad),
        "dense_state_bytes": adam_bytes(dense, x, grad),
        "relative_errors": errors,
    }
    if arguments.peers:
        forwards = {name: calls[name] for name in ("bsk_forward", "torch_bsr_forward")}
        alone = interleaved_medians(list(forwards.values()), arguments.repetitions, device, warm_up=2)
        record["torch_bsr_parameters"] = parameters
        record["milliseconds_from_call"] = {
            name: seconds * 1e3 for name, seconds in zip(forwards, alone, strict=True)
        }
    return record


def main() -> None:
    arguments = parse_arguments()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    for dtype in arguments.dtypes:
        for block in arguments.blocks:
            print(json.dumps(measure(arguments, block, getattr(torch, dtype), device)), flush=True)


if __name__ == "__main__":
    main()
