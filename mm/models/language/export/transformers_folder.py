"""A folder that transformers loads without code of its own: Llama, or GLM-4.5-MoE with experts.

`Glm4MoeForCausalLM` has what this model has: dense first layers, a shared expert, sigmoid scores
with a selection bias, weights normalised over the selected experts, no norm of queries and keys.
Its shared experts are as wide as the routed ones, so the one here counts as several.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from mm.errors import InvalidInput
from mm.files import write_atomic
from mm.models.language.config import LanguageConfig
from mm.models.language.export.merged_model import MergedModel
from mm.models.language.export.tokenizer_files import make_tokenizer_files
from mm.models.language.tokenizer import Vocabulary, read_vocabulary
from mm.models.language.weights import Weights, check_weights

Float = npt.NDArray[np.float32]
Precision = Literal["float32", "float16"]

WEIGHTS_FILE = "model.safetensors"


def write_transformers_folder(folder: Path, model: MergedModel, precision: str = "float32") -> None:
    """Write weights, configuration, tokenizer and chat template into a new or empty folder.

    `precision` is one of `Precision`; routers are float32 in both. Raises `InvalidInput` when the
    folder is not empty, or the width of the shared expert is no multiple of that of the routed
    ones; `Corrupt` for weights of another model; `OSError`.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InvalidInput(f"The folder {folder} is not empty.")
    check_weights(model.config, model.weights)
    vocabulary = read_vocabulary(model.base)
    files = {"config.json": json.dumps(make_transformers_config(model.config, vocabulary, precision), indent=2)}
    files |= make_tokenizer_files(vocabulary, model.base.get_str("tokenizer.chat_template"))
    generation = {"bos_token_id": vocabulary.bos_id, "eos_token_id": vocabulary.eos_id, "pad_token_id": vocabulary.eos_id}
    files["generation_config.json"] = json.dumps(generation, indent=2)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_atomic(folder / name, content.encode())
    temporary = folder / f".{WEIGHTS_FILE}.part"
    save_file(_convert_weights(model.config, model.weights, precision), temporary, {"format": "pt"})
    temporary.replace(folder / WEIGHTS_FILE)


def make_transformers_config(config: LanguageConfig, vocabulary: Vocabulary, precision: str) -> dict[str, Any]:
    """The contents of `config.json`. Raises `InvalidInput` as `write_transformers_folder` does."""
    shared = {
        name: getattr(config, name)
        for name in (
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "num_key_value_heads",
            "intermediate_size",
            "vocab_size",
            "max_position_embeddings",
            "rms_norm_eps",
            "rope_theta",
            "head_dim",
        )
    } | {
        "hidden_act": "silu",
        "attention_bias": False,
        "tie_word_embeddings": True,
        "torch_dtype": precision,
        "bos_token_id": vocabulary.bos_id,
        "eos_token_id": vocabulary.eos_id,
        "pad_token_id": vocabulary.eos_id,
    }
    if not config.num_experts:
        return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **shared}
    return {
        "architectures": ["Glm4MoeForCausalLM"],
        "model_type": "glm4_moe",
        **shared,
        "partial_rotary_factor": 1.0,
        "n_routed_experts": config.num_routed,
        "num_experts_per_tok": config.num_experts_per_tok,
        "n_shared_experts": count_shared_experts(config),
        "moe_intermediate_size": config.moe_intermediate_size,
        "first_k_dense_replace": config.first_k_dense_replace,
        "n_group": 1,
        "topk_group": 1,
        "norm_topk_prob": True,
        "routed_scaling_factor": 1.0,
        "use_qk_norm": False,
        "num_nextn_predict_layers": 0,
        "num_mtp_layers": 0,
    }


def count_shared_experts(config: LanguageConfig) -> int:
    """The shared experts, counted in widths of a routed one. Raises `InvalidInput`."""
    if config.shared_intermediate_size % config.moe_intermediate_size:
        raise InvalidInput(
            f"The shared expert of width {config.shared_intermediate_size} cannot be exported: its width must be a multiple "
            f"of that of the routed experts, {config.moe_intermediate_size}."
        )
    return config.shared_intermediate_size // config.moe_intermediate_size


def add_null_experts(config: LanguageConfig, experts: Float) -> Float:
    """Matrices of the real experts, followed by those of the null experts, which are zeros."""
    return np.concatenate([experts, np.zeros((config.num_null_experts, *experts.shape[1:]), experts.dtype)])


def _convert_weights(config: LanguageConfig, weights: Weights, precision: str) -> Mapping[str, npt.NDArray[np.floating]]:
    """Weights by the names of a published checkpoint: each matrix of each expert by itself."""
    converted: dict[str, npt.NDArray[np.floating]] = {}
    for name, weight in weights.items():
        stem, _, part = name.rpartition(".experts.")
        if part == "gate_up_proj":
            gate, up = np.split(add_null_experts(config, weight), 2, axis=1)
            pieces = {f"{number}.gate_proj.weight": matrix for number, matrix in enumerate(gate)}
            pieces |= {f"{number}.up_proj.weight": matrix for number, matrix in enumerate(up)}
        elif part == "down_proj":
            pieces = {f"{number}.down_proj.weight": matrix for number, matrix in enumerate(add_null_experts(config, weight))}
        else:
            is_routing = ".gate." in name
            converted[name] = np.ascontiguousarray(weight, np.float32 if is_routing else precision)
            continue
        converted |= {f"{stem}.experts.{piece}": np.ascontiguousarray(matrix, precision) for piece, matrix in pieces.items()}
    return converted
