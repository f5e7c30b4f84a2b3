"""The multilingual text tower as a torch module.

Names of tensors end in their axes: N texts, L tokens, D dimensions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mm.models.text.minilm import DIMENSIONS, HEADS, NORM_EPSILON


class _Layer(nn.Module):
    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.query, self.key, self.value, self.projection = (nn.Linear(DIMENSIONS, DIMENSIONS) for _ in range(4))
        self.expand, self.contract = nn.Linear(DIMENSIONS, hidden), nn.Linear(hidden, DIMENSIONS)
        self.attention_norm, self.output_norm = (nn.LayerNorm(DIMENSIONS, eps=NORM_EPSILON) for _ in range(2))

    def forward(self, x_NLD: Tensor, mask_NL: Tensor) -> Tensor:
        count, length, _ = x_NLD.shape
        query, key, value = (
            project(x_NLD).view(count, length, HEADS, -1).transpose(1, 2) for project in (self.query, self.key, self.value)
        )
        heads = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask_NL[:, None, None, :])
        x_NLD = self.attention_norm(x_NLD + self.projection(heads.transpose(1, 2).reshape(count, length, -1)))
        out: Tensor = self.output_norm(x_NLD + self.contract(functional.gelu(self.expand(x_NLD))))
        return out


_NAMES = {  # attribute of a layer to the name in `BertModel`
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "projection": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "expand": "intermediate.dense",
    "contract": "output.dense",
    "output_norm": "output.LayerNorm",
}


class TextEncoder(nn.Module):
    """The torch equivalent of the graph of `mm.models.text.graph`."""

    def __init__(self, start: dict[str, Tensor], vocabulary: int) -> None:
        """`start` has MiniLM's tensors; the word embeddings are initialised at random."""
        super().__init__()
        positions = start["embeddings.position_embeddings.weight"].float()
        self.words = nn.Embedding(vocabulary, DIMENSIONS)
        nn.init.normal_(self.words.weight, std=0.04)
        self.positions = nn.Parameter(positions.clone())
        self.norm = nn.LayerNorm(DIMENSIONS, eps=NORM_EPSILON)
        num_layers = len({name.split(".")[2] for name in start if name.startswith("encoder.layer.")})
        hidden = start["encoder.layer.0.intermediate.dense.weight"].shape[0]
        self.layers = nn.ModuleList(_Layer(hidden) for _ in range(num_layers))
        with torch.no_grad():
            for tensor, name in self._named_tensors():
                tensor.copy_(start[name])

    def forward(self, tokens_NL: Tensor) -> Tensor:
        """Unit rows (N, D); token 0 is padding."""
        mask_NL = tokens_NL != 0
        x_NLD = self.norm(self.words(tokens_NL) + self.positions[: tokens_NL.shape[1]])
        for layer in self.layers:
            x_NLD = layer(x_NLD, mask_NL)
        return functional.normalize((x_NLD.float() * mask_NL[:, :, None]).sum(1), dim=-1)

    def tensors(self) -> dict[str, np.ndarray[Any, Any]]:
        """All tensors under the names of `BertModel` in transformers."""
        named = {name: tensor for tensor, name in self._named_tensors()}
        named["embeddings.word_embeddings.weight"] = self.words.weight
        named["embeddings.position_embeddings.weight"] = self.positions
        named["embeddings.token_type_embeddings.weight"] = torch.zeros(2, DIMENSIONS)
        return {name: tensor.detach().float().cpu().numpy() for name, tensor in named.items()}

    def _named_tensors(self) -> list[tuple[Tensor, str]]:
        named: list[tuple[Tensor, str]] = [
            (self.norm.weight, "embeddings.LayerNorm.weight"),
            (self.norm.bias, "embeddings.LayerNorm.bias"),
        ]
        for number, layer in enumerate(self.layers):
            for attribute, name in _NAMES.items():
                for kind in ("weight", "bias"):
                    named.append((getattr(getattr(layer, attribute), kind), f"encoder.layer.{number}.{name}.{kind}"))
        return named
