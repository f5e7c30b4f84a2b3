"""Updates of low rank of matrices of the attention, which are merged with the base model.

An update of a matrix (N, K) is the product of two matrices (N, R) and (R, K) of rank R (Hu et al.
2021, arXiv:2106.09685). A file holds both in 8 bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.models.language.checkpoint.rounding import Bits
from mm.models.language.config import LanguageConfig
from mm.models.language.weights import list_weight_shapes

Float = npt.NDArray[np.float32]

UPDATE_BITS: Bits = 8
DOWN, UP = ".lora_down", ".lora_up"
"""Endings of the names of tensors, after the name of the weight."""


@dataclass(frozen=True, slots=True, eq=False)
class LowRankUpdate:
    """What is added to a matrix (N, K)."""

    down_RK: Float
    up_NR: Float

    def compute(self) -> Float:
        """The update (N, K)."""
        return self.up_NR @ self.down_RK


def is_updated(name: str) -> bool:
    """Whether a weight is a matrix of the attention, which may have an update."""
    return name.endswith("_proj.weight") and ".self_attn." in name


def list_update_shapes(config: LanguageConfig, rank: int) -> dict[str, tuple[tuple[int, int], tuple[int, int]]]:
    """The shapes of `down_RK` and `up_NR` by name of the weight; none for rank 0."""
    if not rank:
        return {}
    shapes = list_weight_shapes(config)
    return {name: ((rank, shape[1]), (shape[0], rank)) for name, shape in shapes.items() if is_updated(name)}
