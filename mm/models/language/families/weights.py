"""The weights of a checkpoint by layer, whatever its files call them.

A tensor that the network does not use is an error: the checkpoint would be of another network.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from mm.errors import Corrupt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from mm.models.language.families.config import FamilyConfig

_IGNORED = re.compile(r"rotary_emb\.inv_freq$")
_LAYER = re.compile(r"model\.layers\.(\d+)\.")
_EXPERT_NAMES = (("gate_proj", "up_proj", "down_proj"), ("w1", "w3", "w2"))
"""Gate, up and down of one expert, as most checkpoints and as Mixtral call them."""
_ROUTER_NAMES = ("mlp.gate.weight", "block_sparse_moe.gate.weight", "block_sparse_moe.router.layer.weight")
_SHARED_NAMES = ("mlp.shared_experts", "mlp.shared_expert", "shared_mlp")


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    weight: Tensor
    bias: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SwiGLUWeights:
    """A feed-forward network; gate and up as one matrix, gate first."""

    gate_up: Linear
    down: Linear


@dataclass(frozen=True, slots=True, eq=False)
class MoEWeights:
    router: Tensor
    """(experts, hidden size)"""
    correction_bias: Tensor | None
    """(experts,), added for the selection only."""
    gate_up_EIW: Tensor
    down_EWI: Tensor
    shared: SwiGLUWeights | None
    shared_gate: Tensor | None
    """(1, hidden size): its sigmoid scales the shared expert."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerWeights:
    input_norm: Tensor
    post_attention_norm: Tensor
    q: Linear
    k: Linear
    v: Linear
    o: Linear
    q_norm: Tensor | None
    """(head,): queries are normalised by head."""
    k_norm: Tensor | None
    mlp: SwiGLUWeights | MoEWeights


@dataclass(frozen=True, slots=True, eq=False)
class CheckpointWeights:
    embedding: Tensor
    layers: list[LayerWeights]
    norm: Tensor
    head: Tensor
    """The output layer, which may be the embedding."""


def load_weights(folder: Path, config: FamilyConfig, device: torch.device, dtype: torch.dtype) -> CheckpointWeights:
    """Read the safetensors files of a folder. Raises `Corrupt` when they are of another network."""
    return collect_weights(str(folder), config, _read_tensors(folder, config, device, dtype))


def collect_weights(source_name: str, config: FamilyConfig, named: Iterable[tuple[str, Tensor]]) -> CheckpointWeights:
    """The weights of a network from tensors with the names of transformers. Raises `Corrupt`."""
    tensors = dict(named)
    source = _Source(tensors, source_name)
    embedding = source.take("model.embed_tokens.weight", (config.vocab_size, config.hidden_size))
    head = source.find("lm_head.weight", (config.vocab_size, config.hidden_size))
    layers = [_read_layer(source, config, f"model.layers.{i}.") for i in range(config.num_hidden_layers)]
    norm = source.take("model.norm.weight", (config.hidden_size,))
    if tensors:
        raise Corrupt(f"{source_name} has tensors that {config.architecture} does not have, such as {min(tensors)}.")
    return CheckpointWeights(embedding, layers, norm, embedding if head is None else head)


Shape = tuple[int | None, ...]
"""The shape that a tensor must have; None for any size."""


class _Source:
    """Tensors by name; a tensor that is taken is removed."""

    def __init__(self, tensors: dict[str, Tensor], name: str) -> None:
        self._tensors, self._name = tensors, name

    def find(self, name: str, shape: Shape) -> Tensor | None:
        """None where there is no such tensor. Raises `Corrupt` for another shape."""
        tensor = self._tensors.pop(name, None)
        if tensor is not None and not (
            tensor.ndim == len(shape) and all(size in (None, found) for size, found in zip(shape, tensor.shape, strict=True))
        ):
            expected = ", ".join("any" if size is None else str(size) for size in shape)
            raise Corrupt(f"The tensor {name} of {self._name} has the shape {tuple(tensor.shape)}, not ({expected}).")
        return tensor

    def take(self, name: str, shape: Shape) -> Tensor:
        """Like `find`; raises `Corrupt` for a missing tensor too."""
        tensor = self.find(name, shape)
        if tensor is None:
            raise Corrupt(f"{self._name} has no tensor {name}.")
        return tensor

    def linear(self, name: str, shape: Shape) -> Linear:
        weight = self.take(f"{name}.weight", shape)
        return Linear(weight, self.find(f"{name}.bias", (len(weight),)))

    def has(self, name: str) -> bool:
        return name in self._tensors

    def has_any(self, prefix: str, *names: str) -> bool:
        return any(self.has(f"{prefix}.{name}.weight") for name in names)


def _read_layer(source: _Source, config: FamilyConfig, prefix: str) -> LayerWeights:
    width, attention = config.hidden_size, prefix + "self_attn."
    heads, kv_heads = config.num_attention_heads * config.head_dim, config.num_key_value_heads * config.head_dim
    return LayerWeights(
        source.take(prefix + "input_layernorm.weight", (width,)),
        source.take(prefix + "post_attention_layernorm.weight", (width,)),
        source.linear(attention + "q_proj", (heads, width)),
        source.linear(attention + "k_proj", (kv_heads, width)),
        source.linear(attention + "v_proj", (kv_heads, width)),
        source.linear(attention + "o_proj", (width, heads)),
        source.find(attention + "q_norm.weight", (config.head_dim,)),
        source.find(attention + "k_norm.weight", (config.head_dim,)),
        _read_mlp(source, config, prefix),
    )


def _read_mlp(source: _Source, config: FamilyConfig, prefix: str) -> SwiGLUWeights | MoEWeights:
    for router in _ROUTER_NAMES:
        if source.has(prefix + router):
            shared = (prefix + name for name in _SHARED_NAMES if source.has_any(prefix + name, "down_proj", "output_linear"))
            return _read_moe(source, config, f"{prefix}{router.partition('.')[0]}.", prefix + router, next(shared, ""))
    return _read_swiglu(source, prefix + "mlp", config.hidden_size)


def _read_moe(source: _Source, config: FamilyConfig, prefix: str, router_name: str, shared_name: str) -> MoEWeights:
    width = config.hidden_size
    router = source.take(router_name, (None, width))
    if config.router is None or not config.router.can_select_from(len(router)):
        raise Corrupt(f"The router of {config.architecture} cannot select from the {len(router)} experts of {router_name}.")
    gate_up, down = _read_experts(source, prefix, len(router), width)
    return MoEWeights(
        router,
        source.find(prefix + "gate.e_score_correction_bias", (len(router),)),
        gate_up,
        down,
        _read_swiglu(source, shared_name, width) if shared_name else None,
        source.find(prefix + "shared_expert_gate.weight", (1, width)),
    )


def _read_experts(source: _Source, prefix: str, num_experts: int, width: int) -> tuple[Tensor, Tensor]:
    """Matrices (E, 2 I, W) and (E, W, I) of all experts, from fused or single ones."""
    for first, second in (("input_linear.weight", "output_linear.weight"), ("experts.gate_up_proj", "experts.down_proj")):
        if source.has(prefix + first):
            gate_up = source.take(prefix + first, (num_experts, None, width))
            return gate_up, source.take(prefix + second, (num_experts, width, gate_up.shape[1] // 2))
    names = _EXPERT_NAMES[source.has(f"{prefix}experts.0.w1.weight")]
    inner: int | None = None
    gate_ups, downs = [], []
    for expert in range(num_experts):
        gate_name, up_name, down_name = (f"{prefix}experts.{expert}.{name}.weight" for name in names)
        gate = source.take(gate_name, (inner, width))
        inner = len(gate)
        gate_ups.append(torch.cat([gate, source.take(up_name, (inner, width))]))
        downs.append(source.take(down_name, (width, inner)))
    return torch.stack(gate_ups), torch.stack(downs)


def _read_swiglu(source: _Source, name: str, width: int) -> SwiGLUWeights:
    if source.has(f"{name}.input_linear.weight"):
        gate_up = source.linear(f"{name}.input_linear", (None, width))
        return SwiGLUWeights(gate_up, source.linear(f"{name}.output_linear", (width, len(gate_up.weight) // 2)))
    gate = source.linear(f"{name}.gate_proj", (None, width))
    up = source.linear(f"{name}.up_proj", (len(gate.weight), width))
    bias = torch.cat([gate.bias, up.bias]) if gate.bias is not None and up.bias is not None else None
    down = source.linear(f"{name}.down_proj", (width, len(gate.weight)))
    return SwiGLUWeights(Linear(torch.cat([gate.weight, up.weight]), bias), down)


def _read_tensors(folder: Path, config: FamilyConfig, device: torch.device, dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
    """All tensors of the network. Further layers, which predict several tokens, are left out."""
    for path in _list_files(folder):
        try:
            with safe_open(path, "pt") as file:
                for name in file.keys():  # noqa: SIM118  the file is not a mapping
                    layer = _LAYER.match(name)
                    if _IGNORED.search(name) or (layer is not None and int(layer[1]) >= config.num_hidden_layers):
                        continue
                    is_exact = name.endswith("e_score_correction_bias")
                    yield name, file.get_tensor(name).to(device, torch.float32 if is_exact else dtype)
        except (OSError, SafetensorError) as error:
            raise Corrupt(f"{path} cannot be read: {error}.") from error


def _list_files(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        if not (folder / "model.safetensors").is_file():
            raise Corrupt(f"{folder} has neither model.safetensors nor model.safetensors.index.json.")
        return [folder / "model.safetensors"]
    try:
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise Corrupt(f"{index} cannot be read: {error}.") from error
    if not all(isinstance(name, str) and "/" not in name for name in names):
        raise Corrupt(f"{index} names files outside of {folder}.")
    return sorted(folder / name for name in names)
