"""The language model for inference in torch: weights in a chosen precision over a paged cache.

The same network as `mm.models.language.network_torch`, with the projections of a layer joined and
each step between products one operation of `torch_ops`. The residual stream is float32.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from kernels.paged_attention.reference import PagedCache
from kernels.quantized import int4_format, int8_format
from mm.errors import InvalidInput
from mm.generation.runners.expert_cache import ExpertCache, HostExperts
from mm.models.language.reference.rotary import compute_rotations
from mm.models.language.weights import EMBEDDING, FINAL_NORM, Weights, check_weights, name_layer

if TYPE_CHECKING:
    from mm.generation.runners.torch_ops import AttentionStep, Ops
    from mm.models.language.config import LanguageConfig

Precision = Literal["fp32", "fp16", "bf16", "int8", "int4"]
DTYPES: Final = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "int8": torch.float16,
    "int4": torch.float16,
}
"""The type of activations, caches and of weights that are not quantized."""

MAX_DENSE_RATIO: Final = 4
"""All experts are computed for all tokens of a large batch if together they are at most this many
times as wide as the shared ones."""

MAX_SPARSE_TOKENS: Final = 64
"""Above, computing all narrow experts costs less than selecting some."""

Linear = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class StepTensors:
    """A step on the device."""

    embeddings_TW: Tensor
    """float32; overwritten."""
    positions_T: Tensor
    slots_T: Tensor
    attention: AttentionStep
    expert_bias_TEA: Tensor | None
    """Added to the selection bias of each MoE layer; None for 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Experts:
    """The routed experts of a layer."""

    gate_RW: Tensor
    bias_R: Tensor
    gate_up_EIW: Tensor
    down_EWI: Tensor
    all_down_WI: Tensor | None
    """(W, E I), if all experts are computed for large batches."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    input_norm_W: Tensor
    qkv: Linear
    output: Linear
    post_norm_W: Tensor
    gate_up: Linear
    """Of the dense network, or of the shared experts."""
    down: Linear
    experts: Experts | None
    matrices: tuple[Tensor, Tensor] | None = None
    """Those of `gate_up` and `down`, beside experts and where they are not quantized."""


class TorchModel:
    """Weights on a device, and the forward pass of one step."""

    def __init__(
        self,
        config: LanguageConfig,
        weights: Weights,
        device: torch.device,
        precision: Precision,
        ops: Ops,
        num_expert_slots: int | None = None,
        is_prefetching: bool = False,
        precise: Collection[str] = (),
    ) -> None:
        """With `num_expert_slots`, routed experts stay in host memory, see `expert_cache`. The
        matrices named in `precise` have 8 bits where others have 4.

        Raises `Corrupt` for weights of another network, `InvalidInput` for another precision.
        """
        if precision not in DTYPES:
            raise InvalidInput(f"The precision must be one of {', '.join(DTYPES)}, not {precision!r:.40}.")
        check_weights(config, weights)
        self.config, self.ops, self.dtype, self.device = config, ops, DTYPES[precision], device
        self._is_prefetching = is_prefetching
        self._weights, self._precision, self._is_cached = weights, precision, num_expert_slots is not None
        self._precise = precise
        self._embedding_VW = self._load(EMBEDDING)
        self._layers = [self._load_layer(layer) for layer in range(config.num_hidden_layers)]
        self._final_norm_W = self._load(FINAL_NORM)
        rotations = compute_rotations(np.arange(config.max_position_embeddings), config.head_dim, config.rope_theta)
        self._cos_PD, self._sin_PD = (torch.from_numpy(part).to(device) for part in rotations)
        del self._weights
        self._moe_layers = [layer.experts for layer in self._layers if layer.experts is not None]
        self._expert_cache: ExpertCache | None = None
        if num_expert_slots is not None and self._moe_layers:
            hosts = [HostExperts(experts.gate_up_EIW, experts.down_EWI) for experts in self._moe_layers]
            self._expert_cache = ExpertCache(hosts, num_expert_slots, config.num_experts_per_tok, device)

    def allocate_cache(self, num_blocks: int, block_size: int) -> list[PagedCache]:
        """A cache for each layer."""
        shape = (num_blocks * block_size, self.config.num_key_value_heads, self.config.head_dim)
        return [PagedCache(self._zeros(shape), self._zeros(shape), block_size) for _ in self._layers]

    def embed(self, token_ids_T: Tensor) -> Tensor:
        """Embeddings (T, W) in float32."""
        return self._embedding_VW[token_ids_T.long()].float()

    def forward(self, step: StepTensors, caches: list[PagedCache]) -> Tensor:
        """Write keys and values, and return the hidden states (T, W) after the last norm."""
        ops, epsilon = self.ops, self.config.rms_norm_eps
        x_TW, delta, moe_layer = step.embeddings_TW, None, 0
        for layer, cache in zip(self._layers, caches, strict=True):
            normalized = ops.add_rms_norm(x_TW, delta, layer.input_norm_W, epsilon)
            queries = ops.rotate_and_store(
                layer.qkv(normalized),
                step.positions_T,
                step.slots_T,
                self._cos_PD,
                self._sin_PD,
                cache.keys_SGD,
                cache.values_SGD,
            )
            delta = layer.output(ops.attend(queries, cache, step.attention).flatten(1))
            normalized = ops.add_rms_norm(x_TW, delta, layer.post_norm_W, epsilon)
            if layer.experts is None:
                delta = apply_network(ops, layer, normalized)
                continue
            bias = None if step.expert_bias_TEA is None else step.expert_bias_TEA[:, moe_layer]
            if self._expert_cache is None:
                delta = apply_network(ops, layer, normalized, self.config.num_experts_per_tok, bias)
            else:
                delta = self._apply_cached(self._expert_cache, layer, moe_layer, normalized, bias)
            moe_layer += 1
        return ops.add_rms_norm(x_TW, delta, self._final_norm_W, epsilon)

    def compute_logits(self, hidden_LW: Tensor) -> Tensor:
        """Logits (L, vocabulary) in float32."""
        if self.device.type == "cuda":
            return torch.mm(hidden_LW, self._embedding_VW.T, out_dtype=torch.float32)
        return functional.linear(hidden_LW, self._embedding_VW).float()

    def _apply_cached(self, cache: ExpertCache, layer: Layer, moe_layer: int, x_TW: Tensor, bias_TR: Tensor | None) -> Tensor:
        output_TW = apply_network(self.ops, replace(layer, experts=None), x_TW)
        indices, weights = self._select(self._moe_layers[moe_layer], x_TW, bias_TR)
        following = self._moe_layers[moe_layer + 1 : moe_layer + 2]
        predicted = self._select(following[0], x_TW, bias_TR)[0] if following and self._is_prefetching else None
        return cache.add_experts(self.ops, moe_layer, x_TW, indices, weights, output_TW, predicted)

    def _select(self, experts: Experts, x_TW: Tensor, bias_TR: Tensor | None) -> tuple[Tensor, Tensor]:
        return select(self.ops, experts, x_TW, self.config.num_experts_per_tok, bias_TR)

    def _zeros(self, shape: tuple[int, ...]) -> Tensor:
        return torch.zeros(shape, dtype=self.dtype, device=self.device)

    def _load(self, name: str, dtype: torch.dtype | None = None) -> Tensor:
        return torch.from_numpy(self._weights[name]).to(self.device, dtype or self.dtype).contiguous()

    def _load_linear(self, *names: str) -> Linear:
        """The product with matrices joined along their rows."""
        matrix = torch.cat([self._load(name, torch.float32) for name in names])
        is_precise = any(name in self._precise for name in names)
        if self._precision == "int4" and not is_precise:
            packed4 = int4_format.quantize(matrix)
            return lambda x: self.ops.multiply_int4(x, packed4)
        if self._precision in ("int4", "int8"):
            packed8 = int8_format.quantize(matrix)
            return lambda x: self.ops.multiply_int8(x, packed8)
        weight = matrix.to(self.dtype)
        return partial(functional.linear, weight=weight)

    def _load_layer(self, layer: int) -> Layer:
        name = name_layer(layer)
        is_moe = self.config.is_moe_layer(layer)
        mlp = name + ("mlp.shared_experts." if is_moe else "mlp.")
        gate_up = self._load_linear(mlp + "gate_proj.weight", mlp + "up_proj.weight")
        down = self._load_linear(mlp + "down_proj.weight")
        matrices = [linear.keywords["weight"] for linear in (gate_up, down) if isinstance(linear, partial)]
        return Layer(
            input_norm_W=self._load(name + "input_layernorm.weight"),
            qkv=self._load_linear(*(f"{name}self_attn.{part}_proj.weight" for part in "qkv")),
            output=self._load_linear(name + "self_attn.o_proj.weight"),
            post_norm_W=self._load(name + "post_attention_layernorm.weight"),
            gate_up=gate_up,
            down=down,
            experts=self._load_experts(name + "mlp.") if is_moe else None,
            matrices=(matrices[0], matrices[1]) if is_moe and len(matrices) == 2 else None,
        )

    def _load_expert_matrix(self, name: str) -> Tensor:
        if not self._is_cached:
            return self._load(name)
        matrix = torch.from_numpy(self._weights[name]).to(self.dtype)
        return matrix.pin_memory() if self.device.type == "cuda" else matrix

    def _load_experts(self, name: str) -> Experts:
        gate_up_EIW, down_EWI = (self._load_expert_matrix(f"{name}experts.{part}_proj") for part in ("gate_up", "down"))
        is_narrow = self.config.num_experts * self.config.moe_intermediate_size <= (
            MAX_DENSE_RATIO * self.config.shared_intermediate_size
        )
        return Experts(
            gate_RW=self._load(name + "gate.weight", torch.float32),
            bias_R=self._load(name + "gate.e_score_correction_bias", torch.float32),
            gate_up_EIW=gate_up_EIW,
            down_EWI=down_EWI,
            all_down_WI=down_EWI.transpose(0, 1).flatten(1).contiguous() if is_narrow and not self._is_cached else None,
        )


def select(ops: Ops, experts: Experts, x_TW: Tensor, num_selected: int, bias_TR: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Indices and weights (T, K) of the selected experts; `bias_TR` is added to their bias."""
    bias = experts.bias_R if bias_TR is None else (experts.bias_R + bias_TR).contiguous()
    return ops.select_experts(ops.score_experts(x_TW, experts.gate_RW), bias, num_selected)


def apply_network(ops: Ops, layer: Layer, x_TW: Tensor, num_selected: int = 0, bias_TR: Tensor | None = None) -> Tensor:
    """The dense or MoE network (T, W) of a layer; float32 with experts, see `select`."""
    experts, is_single = layer.experts, len(x_TW) == 1
    if experts is not None and is_single and layer.matrices is not None:
        return _apply_single(ops, experts, x_TW, num_selected, bias_TR, layer.matrices, None)
    output_TW = layer.down(ops.silu_and_multiply(layer.gate_up(x_TW)))
    if experts is None:
        return output_TW
    if is_single:
        return _apply_single(ops, experts, x_TW, num_selected, bias_TR, None, output_TW)
    indices, weights = select(ops, experts, x_TW, num_selected, bias_TR)
    if experts.all_down_WI is not None and len(x_TW) > MAX_SPARSE_TOKENS:
        return output_TW.float() + _apply_all_experts(x_TW, indices, weights, experts.gate_up_EIW, experts.all_down_WI)
    return ops.add_experts(x_TW, indices, weights, experts.gate_up_EIW, experts.down_EWI, output_TW)


def _apply_single(
    ops: Ops,
    experts: Experts,
    x_1W: Tensor,
    num_selected: int,
    bias_TR: Tensor | None,
    shared: tuple[Tensor, Tensor] | None,
    base_1W: Tensor | None,
) -> Tensor:
    bias_R = experts.bias_R if bias_TR is None else experts.bias_R + bias_TR[0]
    return ops.apply_layer(x_1W, experts.gate_RW, bias_R, experts.gate_up_EIW, experts.down_EWI, num_selected, shared, base_1W)


def _apply_all_experts(x_TW: Tensor, indices_TK: Tensor, weights_TK: Tensor, gate_up_EIW: Tensor, down_WI: Tensor) -> Tensor:
    """The sum (T, W), float32, with the weight 0 for experts that are not selected."""
    num_experts = len(gate_up_EIW)
    weights_TE = torch.zeros(len(x_TW), num_experts + 1, device=x_TW.device, dtype=x_TW.dtype)
    weights_TE.scatter_(1, indices_TK.long().clamp(max=num_experts), weights_TK.to(x_TW.dtype))  # the last: null experts
    gate_up = functional.linear(x_TW, gate_up_EIW.flatten(0, 1)).view(len(x_TW), num_experts, -1)
    gate, up = gate_up.chunk(2, dim=2)
    hidden_TEI = functional.silu(gate) * up * weights_TE[:, :num_experts, None]
    return functional.linear(hidden_TEI.flatten(1), down_WI).float()
