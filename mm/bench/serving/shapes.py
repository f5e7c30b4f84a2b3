"""Sizes of published models, filled with random weights: speed does not depend on the values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MoEShape:
    """The MoE layers of a model, in the names of its configuration."""

    name: str
    hidden_size: int
    moe_intermediate_size: int
    num_experts: int
    num_experts_per_tok: int
    shared_intermediate_size: int
    """0 without a shared expert."""
    num_null_experts: int = 0


MOE_SHAPES = (
    MoEShape("GLM-4.5-Air", 4096, 1408, 128, 8, 1408),
    MoEShape("Qwen3-30B-A3B", 2048, 768, 128, 8, 0),
    MoEShape("SmolLM2-135M with experts of width 16", 576, 16, 128, 3, 1536, num_null_experts=2),
)

MATRIX_SHAPES = (
    ("Llama-3.1-8B, gate and up", 28672, 4096),
    ("Llama-3.1-8B, down", 4096, 14336),
    ("Llama-3.1-8B, query, key, value", 6144, 4096),
    ("SmolLM2-135M, gate and up", 3072, 576),
)
"""Name, rows and columns."""
