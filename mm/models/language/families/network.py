"""The decoder of a checkpoint in torch, without a cache of its own: attention is a parameter.

The residual stream, norms, rotations and routers are float32. Names of tensors end in their axes:
T tokens of all sequences, W hidden size, H query heads, G key-value heads, D head, E experts, K
selected experts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from mm.models.language.families.weights import MoEWeights

if TYPE_CHECKING:
    from mm.models.language.families.config import FamilyConfig, RopeConfig, RouterConfig
    from mm.models.language.families.weights import CheckpointWeights, LayerWeights, Linear, SwiGLUWeights

MIN_SUM = 1e-20


class Attend(Protocol):
    """Stores the keys and values of new tokens, and computes their attention."""

    def __call__(self, layer: int, queries_THD: Tensor, keys_TGD: Tensor, values_TGD: Tensor) -> Tensor:
        """Outputs (T, H, D), softmax scaled by `attention_scale`, within the layer's window."""
        ...


class FamilyNetwork:
    def __init__(self, config: FamilyConfig, weights: CheckpointWeights) -> None:
        self.config = config
        self._weights = weights
        self._frequencies_D = compute_frequencies(config.rope, config.head_dim).to(weights.embedding.device)

    @property
    def device(self) -> torch.device:
        return self._weights.embedding.device

    @property
    def dtype(self) -> torch.dtype:
        return self._weights.embedding.dtype

    def embed_tokens(self, token_ids_T: Tensor) -> Tensor:
        """Embeddings (T, W), float32."""
        return functional.embedding(token_ids_T, self._weights.embedding).float() * self.config.embedding_multiplier

    def run(self, embeddings_TW: Tensor, positions_T: Tensor, attend: Attend) -> Tensor:
        """Hidden states (T, W) after the last norm."""
        angles_TD = positions_T[:, None].double() * self._frequencies_D
        rotations = angles_TD.cos().float()[:, None], angles_TD.sin().float()[:, None]
        x, scale = embeddings_TW, self.config.residual_multiplier
        for number, layer in enumerate(self._weights.layers):
            normalized = self._norm(x, layer.input_norm).to(self.dtype)
            x = x + scale * self._attend(number, layer, normalized, rotations, attend).float()
            normalized = self._norm(x, layer.post_attention_norm).to(self.dtype)
            x = x + scale * self._feed_forward(layer.mlp, normalized).float()
        return self._norm(x, self._weights.norm)

    def compute_logits(self, hidden_LW: Tensor) -> Tensor:
        """Logits (L, vocabulary), float32."""
        return functional.linear(hidden_LW.to(self.dtype), self._weights.head).float() / self.config.logits_scaling

    def _attend(self, number: int, layer: LayerWeights, x_TW: Tensor, rotations: tuple[Tensor, Tensor], attend: Attend) -> Tensor:
        head_dim = self.config.head_dim
        queries, keys, values = (_apply(linear, x_TW).view(len(x_TW), -1, head_dim) for linear in (layer.q, layer.k, layer.v))
        queries = queries if layer.q_norm is None else self._norm(queries.float(), layer.q_norm).to(self.dtype)
        keys = keys if layer.k_norm is None else self._norm(keys.float(), layer.k_norm).to(self.dtype)
        if self.config.is_rotated(number):
            queries, keys = _rotate(queries, rotations), _rotate(keys, rotations)
        return _apply(layer.o, attend(number, queries, keys, values).flatten(1))

    def _feed_forward(self, mlp: SwiGLUWeights | MoEWeights, x_TW: Tensor) -> Tensor:
        if not isinstance(mlp, MoEWeights):
            return _swiglu(mlp, x_TW)
        assert self.config.router is not None
        output = _apply_experts(mlp, x_TW, *route(self.config.router, mlp, x_TW))
        if mlp.shared is not None:
            shared = _swiglu(mlp.shared, x_TW)
            output = output + (shared if mlp.shared_gate is None else torch.sigmoid(x_TW @ mlp.shared_gate.T) * shared)
        return output

    def _norm(self, x: Tensor, weight: Tensor) -> Tensor:
        return functional.rms_norm(x, x.shape[-1:], weight.float(), self.config.rms_norm_eps)


def compute_frequencies(rope: RopeConfig, head_dim: int) -> Tensor:
    """Angles per position (rotated elements / 2,) in float64, as in `modeling_rope_utils` of
    transformers."""
    num_rotated = int(head_dim * rope.rotated_share)
    frequencies = rope.theta ** (-torch.arange(0, num_rotated, 2, dtype=torch.float64) / num_rotated)
    if rope.kind == "linear":
        return frequencies / rope.factor
    if rope.kind == "llama3":  # long wavelengths are scaled, short ones kept, the rest is blended
        turns = rope.original_max_position_embeddings * frequencies / (2 * math.pi)
        share = ((turns - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor)).clamp(0, 1)
        return frequencies * (share + (1 - share) / rope.factor)
    return frequencies


def route(config: RouterConfig, moe: MoEWeights, x_TW: Tensor) -> tuple[Tensor, Tensor]:
    """Indices and weights (T, K) of the selected experts."""
    logits = x_TW.float() @ moe.router.float().T
    scores_TE = logits.sigmoid() if config.score == "sigmoid" else logits.softmax(-1)
    biased = scores_TE if moe.correction_bias is None else scores_TE + moe.correction_bias
    if config.n_group > 1:  # the groups whose two best experts have the highest sum (DeepSeek-V3)
        by_group = biased.view(len(biased), config.n_group, -1)
        groups = by_group.topk(2, dim=-1).values.sum(-1).topk(config.topk_group, dim=-1).indices
        is_selected = torch.zeros(by_group.shape[:2], dtype=torch.bool, device=x_TW.device).scatter(1, groups, True)
        biased = by_group.masked_fill(~is_selected[:, :, None], -torch.inf).flatten(1)
    indices_TK = biased.topk(config.num_experts_per_tok, dim=-1).indices
    weights_TK = scores_TE.gather(1, indices_TK)
    if config.norm_topk_prob:
        weights_TK = weights_TK / (weights_TK.sum(-1, keepdim=True) + MIN_SUM)
    return indices_TK, weights_TK * config.routed_scaling_factor


def _apply_experts(moe: MoEWeights, x_TW: Tensor, indices_TK: Tensor, weights_TK: Tensor) -> Tensor:
    output = torch.zeros_like(x_TW, dtype=torch.float32)
    for expert in set(indices_TK.flatten().tolist()):
        tokens, places = torch.where(indices_TK == expert)
        gate, up = functional.linear(x_TW[tokens], moe.gate_up_EIW[expert]).chunk(2, dim=-1)
        computed = functional.linear(functional.silu(gate) * up, moe.down_EWI[expert])
        output.index_add_(0, tokens, computed.float() * weights_TK[tokens, places, None])
    return output


def _swiglu(weights: SwiGLUWeights, x_TW: Tensor) -> Tensor:
    gate, up = _apply(weights.gate_up, x_TW).chunk(2, dim=-1)
    return _apply(weights.down, functional.silu(gate) * up)


def _apply(linear: Linear, x: Tensor) -> Tensor:
    return functional.linear(x, linear.weight, linear.bias)


def _rotate(x_THD: Tensor, rotations: tuple[Tensor, Tensor]) -> Tensor:
    """Element i of the first half of the rotated part with element i of its second half."""
    cos, sin = rotations
    rotated, rest = torch.tensor_split(x_THD.float(), [2 * cos.shape[-1]], dim=-1)
    first, second = rotated.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin, rest], dim=-1).to(x_THD.dtype)
