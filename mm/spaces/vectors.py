"""Arithmetic of vectors and probabilities that encoding media and answering questions share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm.spaces.types import Vector, Vectors

Float = npt.NDArray[np.float64]


def sigmoid(logits: Float) -> Float:
    """The logistic function, without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * logits))


def log_odds(probability: float) -> float:
    """Of a probability between 0 and 1."""
    return float(np.log(probability / (1 - probability)))


def unit(vector: Vector) -> Vector:
    """The vector at length 1; a zero vector stays."""
    length = float(np.linalg.norm(vector))
    return (vector / length if length else vector).astype(np.float32)


def mean_direction(vectors: Vectors) -> Vector:
    """The normalised mean (D,) of unit rows (N, D)."""
    return unit(vectors.mean(0, dtype=np.float32))
