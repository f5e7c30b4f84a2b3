"""Small checkpoints of each family, made by transformers with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers

SIZES: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48,
    "vocab_size": 300, "max_position_embeddings": 256, "bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0,
}  # fmt: skip
SPLIT: dict[str, Any] = {"moe_intermediate_size": 16, "num_experts_per_tok": 2}
GROUPS: dict[str, Any] = {"n_routed_experts": 8, "n_group": 4, "topk_group": 2, "first_k_dense_replace": 1,
                          "norm_topk_prob": True, "n_shared_experts": 2, "routed_scaling_factor": 1.5}  # fmt: skip
GRANITE: dict[str, Any] = {"embedding_multiplier": 3.0, "residual_multiplier": 0.3, "attention_multiplier": 0.2,
                           "logits_scaling": 2.0}  # fmt: skip
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}  # fmt: skip
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {"tie_word_embeddings": True}),
    "llama with biases and llama3 scaling": ("Llama", {"attention_bias": True, "mlp_bias": True, "rope_parameters": LLAMA3}),
    "llama with linear scaling": ("Llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0}}),
    "mistral with a window": ("Mistral", {"sliding_window": 6, "head_dim": 16}),
    "qwen2": ("Qwen2", {}),
    "qwen2 with windows": ("Qwen2", {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1}),
    "qwen3": ("Qwen3", {"head_dim": 16}),
    "smollm3": ("SmolLM3", {"no_rope_layer_interval": 2}),
    "granite": ("Granite", GRANITE),
    "mixtral": ("Mixtral", {"num_local_experts": 4, "num_experts_per_tok": 2}),
    "qwen2 moe": ("Qwen2Moe", {**SPLIT, "num_experts": 6, "shared_expert_intermediate_size": 24, "decoder_sparse_step": 2}),
    "qwen3 moe": ("Qwen3Moe", {**SPLIT, "num_experts": 6, "norm_topk_prob": True, "mlp_only_layers": [0], "head_dim": 16}),
    "granite moe": ("GraniteMoe", {**GRANITE, "num_local_experts": 4, "num_experts_per_tok": 2}),
    "granite moe shared": ("GraniteMoeShared", {**GRANITE, "num_local_experts": 4, "num_experts_per_tok": 2,
                                                "shared_intermediate_size": 24}),
    "glm4 moe": ("Glm4Moe", {**SPLIT, **GROUPS, "use_qk_norm": True, "attention_bias": True}),
    "dots1": ("Dots1", {**SPLIT, **GROUPS, "sliding_window": 6, "max_window_layers": 1}),
}  # fmt: skip


def make_model(family: str, options: dict[str, Any], seed: int = 0) -> Any:
    """A model of transformers in which every weight matters."""
    torch.manual_seed(seed)
    config = getattr(transformers, f"{family}Config")(**{**SIZES, **options})
    model = getattr(transformers, f"{family}ForCausalLM")(config).eval()
    for name, tensor in model.state_dict().items():
        if name.endswith("norm.weight"):
            tensor.copy_(1 + 0.2 * torch.randn_like(tensor))
        elif name.endswith("bias"):
            tensor.copy_(0.1 * torch.randn_like(tensor))
        else:
            tensor.copy_(1.5 * tensor.shape[-1] ** -0.5 * torch.randn_like(tensor))
    return model


def save_model(model: Any, folder: Path, **options: Any) -> Path:
    model.save_pretrained(folder, **options)
    return folder
