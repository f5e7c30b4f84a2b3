"""The temporal network in NumPy: a transformer over the frames of a video at their real times.

Attention is limited to a window of time to each side, plus a few global tokens that attend to all
frames and are attended to by all (Beltagy et al. 2020, arXiv:2004.05150). Frames have rotary
positions in seconds (`rotary`), global tokens have none, so that a video that starts later gives
the same output. Attention is computed in blocks: memory grows with frames times window.
`network_torch` is the same network for training and GPUs.

Names of arrays end in their axes: L frames, T tokens (the global ones, then the frames), D vector
of the space, W width of the network, H heads.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from mm.models.temporal.config import TemporalConfig
from mm.models.temporal.frames import FrameSequence, compute_changes, compute_scalars
from mm.models.temporal.rotary import compute_rotations, rotate

Float = npt.NDArray[np.float32]
Weights = Mapping[str, Float]

BLOCK = 64
"""Frames whose attention is computed together."""
EPSILON = 1e-6
"""Added to the mean square in RMSNorm."""


def forward(config: TemporalConfig, weights: Weights, frames: FrameSequence) -> Float:
    """Logits (L, 2) that a shot and a scene begins with each frame."""
    logits: Float = compute_states(config, weights, frames) @ weights["begins.weight"].T + weights["begins.bias"]
    return logits


def compute_states(config: TemporalConfig, weights: Weights, frames: FrameSequence) -> Float:
    """Hidden states (L, W) of the frames after the last layer."""
    x = frames.vectors_LD @ weights["vector.weight"].T
    x += compute_changes(frames.vectors_LD) @ weights["change.weight"].T
    x += compute_scalars(frames) @ weights["scalars.weight"].T + weights["scalars.bias"]
    x = np.concatenate([weights["global"], x])
    rotations = compute_rotations(config, frames.times_L)
    for layer in range(config.layers):
        name = f"layers.{layer}."
        qkv = _rms_norm(x, weights[name + "attend_norm.weight"]) @ weights[name + "qkv.weight"].T
        x += _attend(config, frames.times_L, rotations, qkv) @ weights[name + "out.weight"].T
        hidden = _rms_norm(x, weights[name + "feed_norm.weight"]) @ weights[name + "up.weight"].T + weights[name + "up.bias"]
        x += _gelu(hidden) @ weights[name + "down.weight"].T + weights[name + "down.bias"]
    return _rms_norm(x[config.num_global :], weights["norm.weight"])


def _attend(config: TemporalConfig, times_L: npt.NDArray[np.float64], rotations: tuple[Float, Float], qkv: Float) -> Float:
    """Softmax attention (T, W): frames attend to the global tokens and to frames within the window,
    global tokens to all."""
    tokens, count = len(qkv), config.num_global
    q, k, v = qkv.reshape(tokens, 3, config.heads, config.head).transpose(1, 2, 0, 3)
    q, k = rotate(q, rotations) * np.float32(config.head**-0.5), rotate(k, rotations)
    out = np.empty((config.heads, tokens, config.head), np.float32)
    out[:, :count] = _softmax(q[:, :count] @ k.transpose(0, 2, 1)) @ v
    for start in range(0, len(times_L), BLOCK):
        own = times_L[start : start + BLOCK]
        first = int(np.searchsorted(times_L, own[0] - config.seconds, side="left"))
        last = int(np.searchsorted(times_L, own[-1] + config.seconds, side="right"))
        near = slice(count + first, count + last)
        outside = np.abs(own[:, None] - times_L[None, first:last]) > config.seconds
        keys = np.concatenate([k[:, :count], k[:, near]], axis=1)
        scores = q[:, count + start : count + start + BLOCK] @ keys.transpose(0, 2, 1)
        scores[:, :, count:][:, outside] = -np.inf
        shares = _softmax(scores)
        out[:, count + start : count + start + BLOCK] = shares[:, :, :count] @ v[:, :count] + shares[:, :, count:] @ v[:, near]
    return out.transpose(1, 0, 2).reshape(tokens, config.width)


def _softmax(scores: Float) -> Float:
    shares: Float = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    return shares


def _rms_norm(x: Float, weight: Float) -> Float:
    """RMSNorm (Zhang and Sennrich 2019, arXiv:1910.07467)."""
    normalized: Float = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + np.float32(EPSILON)) * weight
    return normalized


def _gelu(x: Float) -> Float:
    """GELU in its tanh approximation (Hendrycks and Gimpel 2016, arXiv:1606.08415)."""
    out: Float = np.float32(0.5) * x * (1 + np.tanh(np.float32(0.7978845608) * (x + np.float32(0.044715) * x * x * x)))
    return out
