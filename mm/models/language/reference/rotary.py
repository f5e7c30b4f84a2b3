"""Rotary position embedding (Su et al. 2021, arXiv:2104.09864).

Element i of the first half of a head is rotated with element i of the second half, as in
transformers; GGUF files of Llama models have the pairs side by side.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]


def compute_rotations(positions_L: npt.NDArray[np.int64], head_dim: int, theta: float) -> tuple[Float, Float]:
    """Cosines and sines (L, head_dim / 2) of the angles at token positions.

    Angles are rounded to float32 as in transformers: the base model was trained with such angles,
    and after a thousand tokens their error changes which experts are selected.
    """
    frequencies = np.float32(1) / (theta ** (np.arange(0, head_dim, 2) / head_dim)).astype(np.float32)
    angles = (positions_L[:, None].astype(np.float32) * frequencies).astype(np.float64)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def rotate(x_HLD: Float, rotations: tuple[Float, Float]) -> Float:
    """Queries or keys (H, L, D) of all heads, rotated."""
    cos, sin = rotations
    first, second = np.split(x_HLD, 2, axis=-1)
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
