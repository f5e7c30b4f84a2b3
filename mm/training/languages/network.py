"""The multilingual text tower as a torch module: an encoder with low-rank updates, and the map.

Low-rank updates: Hu et al. 2021 (arXiv:2106.09685). Names of tensors end in their axes: N texts, L
tokens, D dimensions, R rank.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mm.models.text.e5.encoder import read_network
from mm.models.text.e5.file import E5File
from mm.models.text.minilm import DIMENSIONS, NORM_EPSILON
from mm.models.text.space_map import MAP
from mm.models.text.weights_file import DOWN, UP, UPDATES

_DENSE = {  # attribute of a layer to the name in `BertModel`
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "projection": "attention.output.dense",
    "expand": "intermediate.dense",
    "contract": "output.dense",
}


class AdaptedLinear(nn.Module):
    """A fixed linear layer with an update of low rank, which is zero at first."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weight_DC: Tensor, bias_D: Tensor, rank: int) -> None:
        """Without rank there is no update."""
        super().__init__()
        self.register_buffer("weight", weight_DC)
        self.register_buffer("bias", bias_D)
        outputs, inputs = weight_DC.shape
        self.down = nn.Parameter(torch.randn(rank, inputs) / math.sqrt(inputs))
        self.up = nn.Parameter(torch.zeros(outputs, rank))
        self.merged: tuple[Tensor, Tensor] | None = None
        """Matrix and bias of the forward passes of a step; see `AdaptedEncoder.merge`."""

    def merge(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """The matrix with its update, and the bias."""
        weight = self.weight + self.up @ self.down if len(self.down) else self.weight
        return weight.to(dtype), self.bias.to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, *(self.merged or self.merge(x.dtype)))


class _Norm(nn.Module):
    """A fixed layer norm."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weight_D: Tensor, bias_D: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight_D)
        self.register_buffer("bias", bias_D)

    def forward(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, self.weight.shape, self.weight.to(x.dtype), self.bias.to(x.dtype), NORM_EPSILON)


class _Layer(nn.Module):
    def __init__(self, tensors: dict[str, Tensor], name: str, heads: int, rank: int) -> None:
        super().__init__()
        self._heads = heads

        def dense(attribute: str) -> AdaptedLinear:
            full = f"{name}.{_DENSE[attribute]}"
            return AdaptedLinear(tensors[f"{full}.weight"], tensors[f"{full}.bias"], rank)

        def norm(suffix: str) -> _Norm:
            return _Norm(tensors[f"{name}.{suffix}.weight"], tensors[f"{name}.{suffix}.bias"])

        self.query, self.key, self.value, self.projection = map(dense, ("query", "key", "value", "projection"))
        self.expand, self.contract = dense("expand"), dense("contract")
        self.attention_norm, self.output_norm = norm("attention.output.LayerNorm"), norm("output.LayerNorm")

    def forward(self, x_NLD: Tensor, mask_bias_N11L: Tensor) -> Tensor:
        count, length, _ = x_NLD.shape
        query, key, value = (
            project(x_NLD).view(count, length, self._heads, -1).transpose(1, 2) for project in (self.query, self.key, self.value)
        )
        heads = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask_bias_N11L)
        x_NLD = self.attention_norm(x_NLD + self.projection(heads.transpose(1, 2).reshape(count, length, -1)))
        out: Tensor = self.output_norm(x_NLD + self.contract(functional.gelu(self.expand(x_NLD))))
        return out


class AdaptedEncoder(nn.Module):
    """The torch equivalent of `mm.models.text.e5.encoder`."""

    positions: Tensor

    def __init__(self, file: E5File, rank: int) -> None:
        super().__init__()
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in read_network(file).items()}
        segment = tensors["embeddings.token_type_embeddings.weight"][0]
        self.register_buffer("positions", tensors["embeddings.position_embeddings.weight"] + segment)
        self.norm = _Norm(tensors["embeddings.LayerNorm.weight"], tensors["embeddings.LayerNorm.bias"])
        layers = range(file.num_layers)
        self.layers = nn.ModuleList(_Layer(tensors, f"encoder.layer.{number}", file.num_heads, rank) for number in layers)

    @contextmanager
    def merge(self, dtype: torch.dtype) -> Iterator[None]:
        """Add the updates to the matrices once for all forward passes within."""
        layers = [module for module in self.modules() if isinstance(module, AdaptedLinear)]
        for layer in layers:
            layer.merged = layer.merge(dtype)
        try:
            yield
        finally:
            for layer in layers:
                layer.merged = None

    def forward(self, words_NLD: Tensor, mask_NL: Tensor) -> Tensor:
        """Unit rows (N, D) in float32 from the embeddings of words, whose type the layers have."""
        x_NLD = self.norm(words_NLD + self.positions[: words_NLD.shape[1]].to(words_NLD.dtype))
        mask_bias_N11L = torch.zeros_like(mask_NL, dtype=x_NLD.dtype).masked_fill(~mask_NL, -math.inf)[:, None, None, :]
        for layer in self.layers:
            x_NLD = layer(x_NLD, mask_bias_N11L)
        return functional.normalize((x_NLD.float() * mask_NL[:, :, None]).sum(1), dim=-1)

    def updates(self) -> dict[str, Tensor]:
        """The matrices of all updates, under the names of the weights file."""
        named: dict[str, Tensor] = {}
        for number, layer in enumerate(self.layers):
            for attribute, suffix in _DENSE.items():
                dense, name = getattr(layer, attribute), f"{UPDATES}encoder.layer.{number}.{suffix}.weight"
                if len(dense.down):
                    named |= {name + DOWN: dense.down, name + UP: dense.up}
        return named


class TrainedMap(nn.Module):
    """The torch equivalent of `mm.models.text.space_map`."""

    mean: Tensor
    gain: Tensor

    def __init__(self, hidden: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(DIMENSIONS))
        self.register_buffer("gain", torch.ones(1))
        self.linear, self.hidden = nn.Linear(DIMENSIONS, DIMENSIONS), nn.Linear(DIMENSIONS, hidden)
        self.out = nn.Linear(hidden, DIMENSIONS, bias=False)
        nn.init.zeros_(self.out.weight)
        self._dropout = dropout

    @torch.no_grad()
    def standardize(self, vectors_ND: Tensor) -> None:
        """Take mean and gain from vectors of the encoder."""
        self.mean.copy_(vectors_ND.mean(0))
        self.gain.copy_(1 / (vectors_ND - self.mean).std())

    def forward(self, vectors_ND: Tensor) -> Tensor:
        """Unit rows (N, D)."""
        x_ND = (vectors_ND - self.mean) * self.gain
        hidden = functional.dropout(functional.silu(self.hidden(x_ND)), self._dropout, self.training)
        return functional.normalize(self.linear(x_ND) + self.out(hidden), dim=-1)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors, under the names of the weights file."""
        named = {"mean": self.mean, "gain": self.gain, "linear": self.linear.weight, "bias": self.linear.bias}
        named |= {"hidden": self.hidden.weight, "hidden_bias": self.hidden.bias, "out": self.out.weight}
        return {MAP + name: tensor for name, tensor in named.items()}


class MultilingualNetwork(nn.Module):
    """Encoder and map."""

    def __init__(self, file: E5File, rank: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.encoder, self.map = AdaptedEncoder(file, rank), TrainedMap(hidden, dropout)

    def forward(self, words_NLD: Tensor, mask_NL: Tensor) -> Tensor:
        """Unit rows (N, D)."""
        mapped: Tensor = self.map(self.encoder(words_NLD, mask_NL))
        return mapped

    def trained(self) -> dict[str, Tensor]:
        """What training changes, by name: the state that a run resumes from."""
        return {**self.encoder.updates(), **self.map.tensors()}

    def tensors(self) -> dict[str, np.ndarray[Any, Any]]:
        """The tensors of the weights file in float32."""
        return {name: tensor.detach().float().cpu().numpy() for name, tensor in self.trained().items()}
