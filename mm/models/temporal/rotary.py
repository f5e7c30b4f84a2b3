"""Rotary position embedding (Su et al. 2021, arXiv:2104.09864) of times in seconds.

Only the first half of each head is rotated; the second half compares tokens regardless of time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm.models.temporal.config import TemporalConfig

Float = npt.NDArray[np.float32]


def compute_rotations(config: TemporalConfig, times_L: npt.NDArray[np.float64]) -> tuple[Float, Float]:
    """Cosines and sines (T, head / 4) of the rotation angles: global tokens, then frames.

    Both are 0 for the global tokens, which have no time: the rotated half of each head then adds
    nothing to their attention scores.
    """
    pairs = config.head // 4
    periods = config.min_period * (config.max_period / config.min_period) ** (np.arange(pairs) / max(pairs - 1, 1))
    angles = times_L[:, None] * (2 * np.pi / periods)  # in float64: 30 minutes are thousands of rotations
    none = np.zeros((config.num_global, pairs))
    cos, sin = (np.concatenate([none, of(angles)]).astype(np.float32) for of in (np.cos, np.sin))
    return cos, sin


def rotate(x_HTD: Float, rotations: tuple[Float, Float]) -> Float:
    """Queries or keys (H, T, D) of all heads, the first half of each head rotated."""
    cos, sin = rotations
    pairs = cos.shape[-1]
    a, b = x_HTD[:, :, :pairs], x_HTD[:, :, pairs : 2 * pairs]
    return np.concatenate([a * cos - b * sin, a * sin + b * cos, x_HTD[:, :, 2 * pairs :]], axis=2)
