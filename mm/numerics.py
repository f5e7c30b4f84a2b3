"""L2 normalisation, the logistic function and the highest values, shared by many packages."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
FloatT = TypeVar("FloatT", np.float32, np.float64)

MIN_NORM = 1e-12
"""Rows are divided by at least this, so that a zero row stays zero."""
TOP_BLOCK = 128
"""Values of a block, of which `select_top` compares the maxima first."""


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


def select_top(values_V: Float32 | Float64, count: int) -> list[int]:
    """Indices of the highest values (V,), in descending order; of equal ones, the smallest first.

    At least `count` values reach the `count`-th highest maximum of all blocks, so that only those
    are sorted.
    """
    if not (count := min(count, len(values_V))):
        return []
    block = max(1, min(TOP_BLOCK, len(values_V) // count))
    maxima = np.maximum.reduceat(values_V, np.arange(0, len(values_V), block))
    threshold = np.partition(maxima, len(maxima) - count)[len(maxima) - count]
    indices = np.flatnonzero(values_V >= threshold)
    top: list[int] = indices[np.lexsort((indices, -values_V[indices]))][:count].tolist()
    return top
