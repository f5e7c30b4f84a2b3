"""The frames of a whole video to where its shots and scenes begin.

A transformer over every sampled frame at its real time: rotary positions in seconds (Su et al.
2021, arXiv:2104.09864) on half of each head, attention within a window of time to both sides, and a
few global tokens that see all and are seen by all (Beltagy et al. 2020, arXiv:2004.05150), which
carry no position, so that a video that starts later is the same video. Plain NumPy, block by block,
so that memory grows with the frames times the window. `network_torch` is its twin for training and
GPUs.

Names of arrays end in their axes: L frames, T tokens (the global ones, then the frames), D width of
a vector of the space, W of the network, H heads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mm.errors import Corrupt, InvalidInput
from mm.models.temporal.motion import NUM_MOTIONS

Float = npt.NDArray[np.float32]

SHOT, SCENE = 0, 1
"""Columns of what comes out."""
NUM_SCALARS = NUM_MOTIONS + 2
BLOCK = 64
"""Frames whose attention is computed together."""
MAX_FRAMES = 20_000
"""Longer sequences are refused: the global tokens look at all of them."""
EPSILON = 1e-6
CONFIG = "temporal"
STORED_NAMES = {
    "min_period": "shortest",
    "max_period": "longest",
    "shot_threshold": "least_shot",
    "scene_threshold": "least_scene",
    "min_gap": "apart",
}
"""Fields of `TemporalConfig` that have another name in a weights file."""


@dataclass(frozen=True, slots=True)
class TemporalConfig:
    """The shape of the network."""

    dim: int = 384  # of the vectors of frames
    width: int = 192
    heads: int = 3
    layers: int = 4
    hidden: int = 576  # of the feed-forward layers
    num_global: int = 4
    seconds: float = 20.0  # window to both sides
    min_period: float = 1.0  # s, period of the fastest rotary position
    max_period: float = 120.0  # s, of the slowest
    shot_threshold: float = 0.5  # probability from which on a shot begins
    scene_threshold: float = 0.5
    min_gap: float = 1.0  # s, least time between two beginnings

    @property
    def head(self) -> int:
        """Width of a head."""
        return self.width // self.heads

    def to_metadata(self) -> dict[str, float]:
        """The fields under their stored names."""
        return {STORED_NAMES.get(name, name): value for name, value in asdict(self).items()}

    @classmethod
    def from_metadata(cls, stored: Mapping[str, float]) -> TemporalConfig:
        """The opposite of `to_metadata`. Raises `TypeError` for unknown fields."""
        names = {stored_name: name for name, stored_name in STORED_NAMES.items()}
        return cls(**{names.get(name, name): value for name, value in stored.items()})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, eq=False)
class FrameSequence:
    """What is known of the frames of a video, in their order."""

    times_L: npt.NDArray[np.float64]
    """Seconds, ascending."""
    vectors_LD: Float
    """Unit vectors."""
    motion_LM: Float
    """(L, `NUM_MOTIONS`), of the first frame 0."""

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for frames that are no sequence."""
        count = len(self.times_L)
        if self.times_L.ndim != 1 or self.vectors_LD.shape[:-1] != (count,) or self.motion_LM.shape != (count, NUM_MOTIONS):
            raise InvalidInput(
                f"Times {self.times_L.shape}, vectors {self.vectors_LD.shape} and motion {self.motion_LM.shape} do not fit."
            )
        if not 0 < count <= MAX_FRAMES:
            raise InvalidInput(f"A video has 1 to {MAX_FRAMES} frames, not {count}.")
        if (np.diff(self.times_L) < 0).any():
            raise InvalidInput("The times of the frames do not ascend.")


class TemporalTower:
    """Tells of each frame how likely a shot, and a scene, begins between the one before and it.
    Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Raises `Corrupt` for what are no weights of it."""
        self.config, self._weights = read_temporal(path)

    def predict_boundaries(self, frames: FrameSequence) -> Float:
        """(L, 2) probabilities that a shot (`SHOT`) and a scene (`SCENE`) begins with a frame; 1
        for the first.

        Raises `InvalidInput` for vectors of another space.
        """
        self._check(frames)
        return predict_boundaries(self.config, self._weights, frames)

    def compute_states(self, frames: FrameSequence) -> Float:
        """(L, W) what the last layer knows of each frame, for heads that tell other things. Raises
        as `predict_boundaries`."""
        self._check(frames)
        return compute_states(self.config, self._weights, frames)

    def _check(self, frames: FrameSequence) -> None:
        if frames.vectors_LD.shape[1] != self.config.dim:
            raise InvalidInput(f"The network is for vectors of {self.config.dim} numbers, not {frames.vectors_LD.shape[1]}.")


def predict_boundaries(config: TemporalConfig, weights: Mapping[str, Float], frames: FrameSequence) -> Float:
    """(L, 2) that a shot and a scene begins; 1 for the first frame."""
    found = (1 / (1 + np.exp(-forward(config, weights, frames)))).astype(np.float32)
    found[0] = 1
    return found


def suppress_non_maxima(chances_L: Float, times_L: npt.NDArray[np.float64], least: float, apart: float) -> list[int]:
    """Frames, in order, with at least that probability, of those nearer than `apart` seconds the
    likeliest; the first is none."""
    kept: list[int] = []
    for index in np.argsort(-chances_L, kind="stable").tolist():
        if chances_L[index] < least:
            break
        if index and all(abs(times_L[index] - times_L[other]) >= apart for other in kept):
            kept.append(index)
    return sorted(kept)


def compute_scalars(frames: FrameSequence) -> Float:
    """Inputs beside the vectors, (L, `NUM_SCALARS`): motion, and the distance to the previous frame
    in the space and in time."""
    similar_L = np.ones(len(frames.times_L), np.float32)
    similar_L[1:] = (frames.vectors_LD[1:] * frames.vectors_LD[:-1]).sum(1)
    gap_L = np.diff(frames.times_L, prepend=frames.times_L[:1])
    return np.column_stack([frames.motion_LM, 1 - similar_L, np.log1p(gap_L)]).astype(np.float32)


def compute_changes(vectors_LD: Float) -> Float:
    """(L, D) each frame's vector less the one before; 0 for the first."""
    return np.diff(vectors_LD, axis=0, prepend=vectors_LD[:1])


def compute_rotations(config: TemporalConfig, times_L: npt.NDArray[np.float64]) -> tuple[Float, Float]:
    """Cosines and sines (T, head / 4) of the angles by which pairs of numbers are turned.

    Both are 0 for the global tokens: they have no time, so they are compared by the other half of
    each head alone.
    """
    pairs = config.head // 4
    periods = config.min_period * (config.max_period / config.min_period) ** (np.arange(pairs) / max(pairs - 1, 1))
    angles = times_L[:, None] * (2 * np.pi / periods)  # in float64: half an hour is thousands of turns
    none = np.zeros((config.num_global, pairs))
    cos, sin = (np.concatenate([none, of(angles)]).astype(np.float32) for of in (np.cos, np.sin))
    return cos, sin


def forward(config: TemporalConfig, weights: Mapping[str, Float], frames: FrameSequence) -> Float:
    """(L, 2) logits."""
    found: Float = compute_states(config, weights, frames) @ weights["begins.weight"].T + weights["begins.bias"]
    return found


def compute_states(config: TemporalConfig, weights: Mapping[str, Float], frames: FrameSequence) -> Float:
    """(L, W) what stands behind the last layer."""
    x = frames.vectors_LD @ weights["vector.weight"].T
    x += compute_changes(frames.vectors_LD) @ weights["change.weight"].T
    x += compute_scalars(frames) @ weights["scalars.weight"].T + weights["scalars.bias"]
    x = np.concatenate([weights["global"], x])
    turn = compute_rotations(config, frames.times_L)
    for layer in range(config.layers):
        name = f"layers.{layer}."
        qkv = _norm(x, weights[name + "attend_norm.weight"]) @ weights[name + "qkv.weight"].T
        x += _attend(config, frames.times_L, turn, qkv) @ weights[name + "out.weight"].T
        hidden = _norm(x, weights[name + "feed_norm.weight"]) @ weights[name + "up.weight"].T + weights[name + "up.bias"]
        x += _gelu(hidden) @ weights[name + "down.weight"].T + weights[name + "down.bias"]
    return _norm(x[config.num_global :], weights["norm.weight"])


def _attend(config: TemporalConfig, times_L: npt.NDArray[np.float64], turn: tuple[Float, Float], qkv: Float) -> Float:
    """(T, W) softmax attention: frames look at the global tokens and at frames near in time, global
    tokens at all."""
    tokens, count = len(qkv), config.num_global
    q, k, v = qkv.reshape(tokens, 3, config.heads, config.head).transpose(1, 2, 0, 3)
    q, k = _turned(config, q, turn) * np.float32(config.head**-0.5), _turned(config, k, turn)
    out = np.empty((config.heads, tokens, config.head), np.float32)
    out[:, :count] = _softmax(q[:, :count] @ k.transpose(0, 2, 1)) @ v
    for start in range(0, len(times_L), BLOCK):
        own = times_L[start : start + BLOCK]
        first = int(np.searchsorted(times_L, own[0] - config.seconds, side="left"))
        last = int(np.searchsorted(times_L, own[-1] + config.seconds, side="right"))
        near = slice(count + first, count + last)
        far = np.abs(own[:, None] - times_L[None, first:last]) > config.seconds
        seen = np.concatenate([k[:, :count], k[:, near]], axis=1)
        scores = q[:, count + start : count + start + BLOCK] @ seen.transpose(0, 2, 1)
        scores[:, :, count:][:, far] = -np.inf
        chances = _softmax(scores)
        out[:, count + start : count + start + BLOCK] = chances[:, :, :count] @ v[:, :count] + chances[:, :, count:] @ v[:, near]
    return out.transpose(1, 0, 2).reshape(tokens, config.width)


def _turned(config: TemporalConfig, x_HTD: Float, turn: tuple[Float, Float]) -> Float:
    """The first half of each head turned by the token's time, the other half as it is: that one
    knows no time."""
    cos, sin = turn
    pairs = config.head // 4
    a, b = x_HTD[:, :, :pairs], x_HTD[:, :, pairs : 2 * pairs]
    return np.concatenate([a * cos - b * sin, a * sin + b * cos, x_HTD[:, :, 2 * pairs :]], axis=2)


def _softmax(scores: Float) -> Float:
    found: Float = np.exp(scores - scores.max(axis=-1, keepdims=True))
    found /= found.sum(axis=-1, keepdims=True)
    return found


def _norm(x: Float, weight: Float) -> Float:
    """RMSNorm (Zhang and Sennrich 2019, arXiv:1910.07467)."""
    found: Float = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + np.float32(EPSILON)) * weight
    return found


def _gelu(x: Float) -> Float:
    """By its tanh (Hendrycks and Gimpel 2016, arXiv:1606.08415)."""
    found: Float = np.float32(0.5) * x * (1 + np.tanh(np.float32(0.7978845608) * (x + np.float32(0.044715) * x * x * x)))
    return found


def list_weight_shapes(config: TemporalConfig) -> dict[str, tuple[int, ...]]:
    """The weights by name, and their shapes."""
    width, hidden = config.width, config.hidden
    layer = {
        "attend_norm.weight": (width,),
        "qkv.weight": (3 * width, width),
        "out.weight": (width, width),
        "feed_norm.weight": (width,),
        "up.weight": (hidden, width),
        "up.bias": (hidden,),
        "down.weight": (width, hidden),
        "down.bias": (width,),
    }
    return {
        "vector.weight": (width, config.dim),
        "change.weight": (width, config.dim),
        "scalars.weight": (width, NUM_SCALARS),
        "scalars.bias": (width,),
        "global": (config.num_global, width),
        **{f"layers.{number}.{name}": shape for number in range(config.layers) for name, shape in layer.items()},
        "norm.weight": (width,),
        "begins.weight": (2, width),
        "begins.bias": (2,),
    }


def serialize_temporal(config: TemporalConfig, weights: Mapping[str, Float]) -> bytes:
    """A file's bytes: matrices in half precision, the rest in float32."""
    kept = {name: np.ascontiguousarray(value, np.float16 if value.ndim > 1 else np.float32) for name, value in weights.items()}
    return bytes(save(kept, {CONFIG: json.dumps(config.to_metadata())}))


def read_temporal(path: Path) -> tuple[TemporalConfig, dict[str, Float]]:
    """The shape and the weights, in float32. Raises `Corrupt`."""
    try:
        with safe_open(path, "np") as file:
            told = json.loads(file.metadata()[CONFIG])
            weights = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118
        config = TemporalConfig.from_metadata(told)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"The temporal network cannot be read from {path}: {error}.") from error
    wanted = list_weight_shapes(config)
    if {name: value.shape for name, value in weights.items()} != wanted or not all(
        np.isfinite(value).all() for value in weights.values()
    ):
        raise Corrupt(f"{path} holds other weights than those of a temporal network.")
    return config, weights
