"""L2 normalisation and the logistic function, which models, spaces, search and training share."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
FloatT = TypeVar("FloatT", np.float32, np.float64)

MIN_NORM = 1e-12
"""Rows are divided by at least this, so that a zero row stays zero."""


def normalize(vector: npt.NDArray[np.floating]) -> Float32:
    """The vector (D,) scaled to length 1, in float32; a zero vector stays zero."""
    norm = float(np.linalg.norm(vector))
    return (vector / norm if norm else vector).astype(np.float32)


def normalize_rows(rows: npt.NDArray[FloatT]) -> npt.NDArray[FloatT]:
    """The rows (N, D) scaled to length 1, in the precision of the input; zero rows stay zero."""
    unit_rows: npt.NDArray[FloatT] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), MIN_NORM)
    return unit_rows


def mean_direction(rows: Float32) -> Float32:
    """The normalised mean (D,) of unit rows (N, D)."""
    return normalize(rows.mean(0, dtype=np.float32))


def sigmoid(logits: npt.NDArray[FloatT]) -> npt.NDArray[FloatT]:
    """The logistic function, without overflow, in the precision of the input."""
    probabilities: npt.NDArray[FloatT] = 0.5 * (1 + np.tanh(0.5 * logits))
    return probabilities


def log_odds(probability: float) -> float:
    """log(p / (1 - p)) of a probability between 0 and 1, both excluded."""
    return float(np.log(probability / (1 - probability)))
