"""A GGUF file that llama.cpp runs: the architecture `llama`, or `glm4moe` with experts.

Names and keys are those of llama.cpp's `src/llama-arch.cpp` and `src/models/glm4-moe.cpp` (MIT).
Expert matrices whose rows are no whole blocks of 32 are stored in half precision.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from mm.models.language.config import LanguageConfig
from mm.models.language.export.merged_model import MergedModel
from mm.models.language.export.transformers_folder import add_null_experts, count_shared_experts
from mm.models.language.gguf.blocks import BLOCK_TYPES, F16, F32, Q4_1, Q8_0
from mm.models.language.gguf.reader import Value
from mm.models.language.gguf.writer import Tensor, write_gguf
from mm.models.language.smollm2 import join_pairs
from mm.models.language.weights import EMBEDDING, FINAL_NORM, Weights, check_weights, name_layer

Float = npt.NDArray[np.float32]
Precision = Literal["f16", "q8_0", "q4_1"]

_BLOCK_TYPES = {"f16": F16, "q8_0": Q8_0, "q4_1": Q4_1}
_FILE_TYPES = {"f16": 1, "q8_0": 7, "q4_1": 3}
"""`general.file_type`, from `llama_ftype`."""
_SIGMOID = 2
"""`expert_gating_func`."""
_DENSE_NAMES = {
    "input_layernorm.weight": "attn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
}
_MOE_NAMES = {
    "mlp.gate.weight": "ffn_gate_inp.weight",
    "mlp.gate.e_score_correction_bias": "exp_probs_b.bias",
    "mlp.shared_experts.gate_proj.weight": "ffn_gate_shexp.weight",
    "mlp.shared_experts.up_proj.weight": "ffn_up_shexp.weight",
    "mlp.shared_experts.down_proj.weight": "ffn_down_shexp.weight",
}
_GATE_UP, _DOWN, _FEED_FORWARD_NORM = "mlp.experts.gate_up_proj", "mlp.experts.down_proj", "post_attention_layernorm.weight"


def write_gguf_model(path: Path, model: MergedModel, precision: str) -> None:
    """Write a model with its tokenizer and chat template; `precision` is one of `Precision`.

    Norms and routers are stored in float32, embeddings in 8 bits where matrices have 4. Raises
    `InvalidInput` when the width of the shared expert is no multiple of that of the routed ones,
    `Corrupt` for weights of another model, `OSError`.
    """
    check_weights(model.config, model.weights)
    metadata = _describe(model.config, precision, f"{model.base.get_str('general.name')} in mm")
    metadata |= {key: value for key, value in model.base.metadata.items() if key.startswith("tokenizer.")}
    tensors = {
        name: Tensor(values, _choose_type(name, values, precision))
        for name, values in _rename(model.config, model.weights).items()
    }
    write_gguf(path, metadata, tensors)


def _describe(config: LanguageConfig, precision: str, name: str) -> dict[str, Value]:
    architecture = "glm4moe" if config.num_experts else "llama"
    values: dict[str, Value] = {
        "block_count": config.num_hidden_layers,
        "context_length": config.max_position_embeddings,
        "embedding_length": config.hidden_size,
        "feed_forward_length": config.intermediate_size,
        "attention.head_count": config.num_attention_heads,
        "attention.head_count_kv": config.num_key_value_heads,
        "attention.key_length": config.head_dim,
        "attention.value_length": config.head_dim,
        "attention.layer_norm_rms_epsilon": config.rms_norm_eps,
        "rope.freq_base": config.rope_theta,
        "rope.dimension_count": config.head_dim,
        "vocab_size": config.vocab_size,
    }
    if config.num_experts:
        values |= {
            "expert_count": config.num_routed,
            "expert_used_count": config.num_experts_per_tok,
            "expert_shared_count": count_shared_experts(config),
            "expert_feed_forward_length": config.moe_intermediate_size,
            "leading_dense_block_count": config.first_k_dense_replace,
            "expert_gating_func": _SIGMOID,
            "expert_weights_norm": True,
            "expert_weights_scale": 1.0,
        }
    general: dict[str, Value] = {
        "general.architecture": architecture,
        "general.name": name,
        "general.file_type": _FILE_TYPES[precision],
        "general.quantization_version": 2,
    }
    return general | {f"{architecture}.{key}": value for key, value in values.items()}


def _rename(config: LanguageConfig, weights: Weights) -> dict[str, Float]:
    renamed = {"token_embd.weight": weights[EMBEDDING], "output_norm.weight": weights[FINAL_NORM]}
    for layer in range(config.num_hidden_layers):
        prefix = name_layer(layer)
        of_layer = {name.removeprefix(prefix): weight for name, weight in weights.items() if name.startswith(prefix)}
        renamed |= {f"blk.{layer}.{name}": weight for name, weight in _rename_layer(config, of_layer).items()}
    return renamed


def _rename_layer(config: LanguageConfig, weights: dict[str, Float]) -> dict[str, Float]:
    renamed: dict[str, Float] = {}
    for name, weight in weights.items():
        if name == _GATE_UP:
            gate, up = np.split(add_null_experts(config, weight), 2, axis=1)
            renamed |= {"ffn_gate_exps.weight": gate, "ffn_up_exps.weight": up}
        elif name == _DOWN:
            renamed["ffn_down_exps.weight"] = add_null_experts(config, weight)
        elif name == _FEED_FORWARD_NORM:
            renamed["post_attention_norm.weight" if config.num_experts else "ffn_norm.weight"] = weight
        else:
            renamed[{**_DENSE_NAMES, **_MOE_NAMES}[name]] = weight
    if config.num_experts:  # biases of 0, without which ik_llama.cpp does not load this architecture
        widths = {name: renamed[f"{name}.weight"].shape[0] for name in ("attn_q", "attn_k", "attn_v")}
        return renamed | {f"{name}.bias": np.zeros(width, np.float32) for name, width in widths.items()}
    for name, heads in (("attn_q.weight", config.num_attention_heads), ("attn_k.weight", config.num_key_value_heads)):
        renamed[name] = join_pairs(renamed[name], heads)  # the pairs that are rotated are side by side in a Llama file
    return renamed


def _choose_type(name: str, values: Float, precision: str) -> int:
    if values.ndim == 1 or name.endswith("ffn_gate_inp.weight"):
        return F32
    chosen = Q8_0 if precision == "q4_1" and name == "token_embd.weight" else _BLOCK_TYPES[precision]
    return F16 if values.shape[-1] % BLOCK_TYPES[chosen].num_values else chosen
