"""A plain PyTorch forward of the MiniLM encoder, to see what its feed-forward layers are given."""

import re
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

LAYERS, HEADS, EPSILON = 6, 12, 1e-12
SEQUENCE = 128  # tokens


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


class MiniLM:
    """The encoder's weights (float32) and its forward pass."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        tensors = load_file(folder / "model.safetensors", device=str(device))
        self.weights = {
            name: tensor.float() for name, tensor in tensors.items() if tensor.is_floating_point()
        }
        words = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        self.vocabulary = {word: number for number, word in enumerate(words)}
        self.device = device

    def weight(self, layer: int, name: str) -> torch.Tensor:
        return self.weights[f"encoder.layer.{layer}.{name}.weight"]

    def feed_forward_inputs(self, text: str, sequences: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """For each layer what its two feed-forward weights are given: X[n, 384] and X[n, 1536].

        The n tokens are those of the first `sequences` whole sequences of `text`.
        """
        ids = token_ids(text, self.vocabulary)
        chunk = SEQUENCE - 2
        begin, end = self.vocabulary["[CLS]"], self.vocabulary["[SEP]"]
        starts = range(0, len(ids) - chunk + 1, chunk)[:sequences]
        tokens = torch.tensor([[begin, *ids[i : i + chunk], end] for i in starts], device=self.device)

        embeddings = "embeddings.{}_embeddings.weight"
        hidden = self.weights[embeddings.format("word")][tokens]
        hidden = hidden + self.weights[embeddings.format("position")][:SEQUENCE]
        hidden = hidden + self.weights[embeddings.format("token_type")][0]
        hidden = self._norm("embeddings.LayerNorm", hidden)
        inputs = []
        for layer in range(LAYERS):
            prefix = f"encoder.layer.{layer}"
            attended = self._attention(f"{prefix}.attention", hidden)
            inner = gelu(self._linear(f"{prefix}.intermediate.dense", attended))
            inputs.append((attended.flatten(0, 1), inner.flatten(0, 1)))
            hidden = self._norm(
                f"{prefix}.output.LayerNorm", attended + self._linear(f"{prefix}.output.dense", inner)
            )
        return inputs

    def _linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return layer_norm(
            x, x.shape[-1:], self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], EPSILON
        )

    def _attention(self, name: str, x: torch.Tensor) -> torch.Tensor:
        query, key, value = (
            self._linear(f"{name}.self.{part}", x).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        mixed = scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return self._norm(f"{name}.output.LayerNorm", x + self._linear(f"{name}.output.dense", mixed))
