"""RMSNorm (Zhang and Sennrich 2019, arXiv:1910.07467)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]


def rms_norm(x: Float, weight: Float, epsilon: float) -> Float:
    """Vectors (..., D) divided by their root mean square, times `weight` (D,)."""
    mean_square = (x * x).mean(axis=-1, keepdims=True)
    normalized: Float = x / np.sqrt(mean_square + np.float32(epsilon)) * weight
    return normalized
