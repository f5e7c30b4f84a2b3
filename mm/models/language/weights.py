"""The names and shapes of the weights.

Names are those of `Glm4MoeForCausalLM` in transformers, which for layers without experts are those
of `LlamaForCausalLM`. The embedding matrix is also the output layer.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from mm.errors import Corrupt
from mm.models.language.config import LanguageConfig

Float = npt.NDArray[np.float32]
Weights = Mapping[str, Float]

EMBEDDING, FINAL_NORM = "model.embed_tokens.weight", "model.norm.weight"


def name_layer(layer: int) -> str:
    """The prefix of the names of a layer."""
    return f"model.layers.{layer}."


def list_weight_shapes(config: LanguageConfig) -> dict[str, tuple[int, ...]]:
    """The shape of each weight, by name."""
    shapes: dict[str, tuple[int, ...]] = {EMBEDDING: (config.vocab_size, config.hidden_size), FINAL_NORM: (config.hidden_size,)}
    for layer in range(config.num_hidden_layers):
        of_layer = {**_list_attention(config), **(_list_moe(config) if config.is_moe_layer(layer) else _list_dense(config))}
        shapes.update({name_layer(layer) + name: shape for name, shape in of_layer.items()})
    return shapes


def check_weights(config: LanguageConfig, weights: Weights) -> None:
    """Raise `Corrupt` unless these are all weights of the network, in their shapes."""
    check_shapes(list_weight_shapes(config), weights, "language model")


def check_shapes(expected: Mapping[str, tuple[int, ...]], weights: Weights, owner: str) -> None:
    """Raise `Corrupt` unless the names and shapes of the weights are the expected ones."""
    for name in sorted(expected.keys() ^ weights.keys()):
        raise Corrupt(f"The weight {name} is {'missing' if name in expected else f'not one of the {owner}'}.")
    for name, shape in expected.items():
        if weights[name].shape != shape:
            raise Corrupt(f"The weight {name} has the shape {weights[name].shape}, not {shape}.")


def _list_attention(config: LanguageConfig) -> dict[str, tuple[int, ...]]:
    width, kv_width = config.hidden_size, config.num_key_value_heads * config.head_dim
    return {
        "input_layernorm.weight": (width,),
        "self_attn.q_proj.weight": (width, width),
        "self_attn.k_proj.weight": (kv_width, width),
        "self_attn.v_proj.weight": (kv_width, width),
        "self_attn.o_proj.weight": (width, width),
        "post_attention_layernorm.weight": (width,),
    }


def _list_dense(config: LanguageConfig) -> dict[str, tuple[int, ...]]:
    return _list_swiglu("mlp.", config.hidden_size, config.intermediate_size)


def _list_moe(config: LanguageConfig) -> dict[str, tuple[int, ...]]:
    width, inner = config.hidden_size, config.moe_intermediate_size
    return {
        **_list_swiglu("mlp.shared_experts.", width, config.shared_intermediate_size),
        "mlp.gate.weight": (config.num_routed, width),
        "mlp.gate.e_score_correction_bias": (config.num_routed,),
        "mlp.experts.gate_up_proj": (config.num_experts, 2 * inner, width),
        "mlp.experts.down_proj": (config.num_experts, width, inner),
    }


def _list_swiglu(prefix: str, width: int, inner: int) -> dict[str, tuple[int, ...]]:
    return {
        prefix + "gate_proj.weight": (inner, width),
        prefix + "up_proj.weight": (inner, width),
        prefix + "down_proj.weight": (width, inner),
    }
