"""In which precision a file stores each weight that training adds.

Routed experts in 4 bits, matrices of the media prefix and of updates (`low_rank`) in 8 bits,
routers in float16, everything else (selection biases, norms, positions, statistics) in float32.
"""

from __future__ import annotations

from mm.models.language.checkpoint.rounding import Bits
from mm.models.language.config import LanguageConfig
from mm.models.language.weights import list_weight_shapes

PREFIX_MATRICES = (
    "map_network.0.weight",
    "map_network.2.weight",
    "vector_network.0.weight",
    "vector_network.2.weight",
)
"""Weights of the media prefix in 8 bits; the network of times is small."""
PREFIX_BITS: Bits = 8
EXPERT_BITS: Bits = 4


def is_expert(name: str) -> bool:
    """Whether a weight is a matrix of routed experts, stored in 4 bits."""
    return name.endswith(("mlp.experts.gate_up_proj", "mlp.experts.down_proj"))


def is_router(name: str) -> bool:
    """Whether a weight is the matrix of a router, stored in float16."""
    return name.endswith("mlp.gate.weight")


def is_selection_bias(name: str) -> bool:
    """Whether a weight is the bias that evens the use of experts."""
    return name.endswith("e_score_correction_bias")


def is_added(name: str) -> bool:
    """Whether training adds or replaces a weight: experts, routers, selection biases and norms."""
    return is_expert(name) or is_router(name) or is_selection_bias(name) or name.endswith("norm.weight")


def list_added_shapes(config: LanguageConfig) -> dict[str, tuple[int, ...]]:
    """The shape of each weight that training adds or replaces, by name."""
    return {name: shape for name, shape in list_weight_shapes(config).items() if is_added(name)}
