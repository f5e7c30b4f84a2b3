"""The language model in NumPy: a pre-norm decoder (Llama, Touvron et al. 2023, arXiv:2302.13971).

`network_torch` is the same network for training and GPUs. Names of arrays end in their axes: L new
tokens, H heads, D head, W hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.models.language.config import LanguageConfig
from mm.models.language.expert_bias import check_expert_bias
from mm.models.language.reference.attention import KVCache, attend
from mm.models.language.reference.moe import apply_moe
from mm.models.language.reference.rms_norm import rms_norm
from mm.models.language.reference.rotary import compute_rotations, rotate
from mm.models.language.reference.router import Routing
from mm.models.language.reference.swiglu import swiglu
from mm.models.language.weights import EMBEDDING, FINAL_NORM, Weights, name_layer

Float = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """What the network computes for the new tokens of a sequence."""

    hidden_LW: Float
    """After the last norm."""
    routings: list[Routing]
    """Of the MoE layers, in their order."""


def embed_tokens(config: LanguageConfig, weights: Weights, token_ids: Sequence[int]) -> Float:
    """Embeddings (L, W) of tokens. Raises `InvalidInput` for ids that the vocabulary lacks."""
    ids = np.asarray(token_ids, np.int64)
    if ids.size and not 0 <= ids.min() <= ids.max() < config.vocab_size:
        raise InvalidInput(f"Token ids must be from 0 to {config.vocab_size - 1}.")
    return weights[EMBEDDING][ids]


def forward(
    config: LanguageConfig, weights: Weights, inputs_embeds_LW: Float, cache: KVCache, expert_bias_MA: Float | None = None
) -> Output:
    """Run the network over new tokens, given as embeddings, and append them to `cache`.

    Prefix embeddings, such as those of an image, are rows before those of the tokens. For
    `expert_bias_MA` see `expert_bias`. Raises `InvalidInput` for wrong embeddings or bias, and when
    the cache is too short, which stays as it was.
    """
    if inputs_embeds_LW.shape[0] == 0 or inputs_embeds_LW.shape[1:] != (config.hidden_size,):
        raise InvalidInput(f"Embeddings must be (tokens, {config.hidden_size}), at least one, not {inputs_embeds_LW.shape}.")
    if expert_bias_MA is not None:
        check_expert_bias(config, expert_bias_MA)
    length = len(inputs_embeds_LW)
    cache.require_space(length)
    rotations = compute_rotations(np.arange(cache.length, cache.length + length), config.head_dim, config.rope_theta)
    x, routings = inputs_embeds_LW, list[Routing]()
    for layer in range(config.num_hidden_layers):
        name = name_layer(layer)
        normalized = rms_norm(x, weights[name + "input_layernorm.weight"], config.rms_norm_eps)
        x = x + _attend(config, weights, layer, normalized, rotations, cache)
        normalized = rms_norm(x, weights[name + "post_attention_layernorm.weight"], config.rms_norm_eps)
        if config.is_moe_layer(layer):
            expert_bias_A = None if expert_bias_MA is None else expert_bias_MA[len(routings)]
            output, routing = apply_moe(config, weights, name + "mlp.", normalized, expert_bias_A)
            routings.append(routing)
        else:
            output = swiglu(normalized, *(weights[f"{name}mlp.{part}_proj.weight"] for part in ("gate", "up", "down")))
        x = x + output
    cache.length += length
    return Output(rms_norm(x, weights[FINAL_NORM], config.rms_norm_eps), routings)


def compute_logits(weights: Weights, hidden_LW: Float) -> Float:
    """Logits (L, vocabulary) of the token after each hidden state."""
    return hidden_LW @ weights[EMBEDDING].T


def _attend(
    config: LanguageConfig, weights: Weights, layer: int, x_LW: Float, rotations: tuple[Float, Float], cache: KVCache
) -> Float:
    name = name_layer(layer) + "self_attn."

    def project(part: str) -> Float:
        heads: Float = (x_LW @ weights[f"{name}{part}_proj.weight"].T).reshape(len(x_LW), -1, config.head_dim).transpose(1, 0, 2)
        return heads

    queries, keys = rotate(project("q"), rotations), rotate(project("k"), rotations)
    attended = attend(queries, *cache.store(layer, keys, project("v")))
    return attended.transpose(1, 0, 2).reshape(len(x_LW), -1) @ weights[name + "o_proj.weight"].T
