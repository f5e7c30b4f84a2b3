"""A bounded number of scenes for a video of any length, and features of their times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.models.language.media_prefix.config import NUM_TIME_FEATURES
from mm.numerics import mean_direction, normalize

Float = npt.NDArray[np.float32]

MAX_SCENES, MAX_FRAMES = 64, 8
"""Limits on what of a video becomes prefix embeddings: one for a scene, four for a frame."""


class SceneLike(Protocol):
    """A part of a video with its vector (D,) in the shared space; times in seconds."""

    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...
    @property
    def vector_D(self) -> Float: ...  # noqa: N802 (the axes of the array)


@dataclass(frozen=True, slots=True, eq=False)
class MergedScene:
    """Adjacent scenes as one; its vector is the mean by duration, normalised."""

    start: float
    end: float
    vector_D: Float


def merge_scenes(scenes: Sequence[SceneLike], limit: int = MAX_SCENES) -> Sequence[SceneLike]:
    """At most `limit` scenes in order of time: the two adjacent ones that are shortest together
    are merged until there are not more.

    Raises `InvalidInput` when a scene ends before it starts, or the scenes are not in order.
    """
    for scene in scenes:
        if not 0 <= scene.start <= scene.end < np.inf:
            raise InvalidInput(f"A scene cannot be from {scene.start} to {scene.end} s.")
    if any(later.start < earlier.start for earlier, later in pairwise(scenes)):
        raise InvalidInput("The scenes of a video must be in order of time.")
    merged = list(scenes)
    while len(merged) > limit:
        lengths = [later.end - earlier.start for earlier, later in pairwise(merged)]
        index = int(np.argmin(lengths))
        merged[index : index + 2] = [_merge(merged[index], merged[index + 1])]
    return merged


def sample_evenly(count: int, limit: int) -> list[int]:
    """Indices of at most `limit` of `count` items, evenly spaced, first and last included."""
    if count <= limit:
        return list(range(count))
    return [round(index * (count - 1) / (limit - 1)) if limit > 1 else count // 2 for index in range(limit)]


def describe_times(spans: Sequence[tuple[float, float]], length: float) -> Float:
    """Features (N, 6) of spans in a video of `length` seconds.

    Logarithms of start, end and duration, log(1 + s), then the same three as shares of the length.
    """
    if not spans:
        return np.zeros((0, NUM_TIME_FEATURES), np.float32)
    start, end = np.asarray(spans, np.float64).T
    seconds = np.stack([start, end, end - start], axis=1)
    return np.concatenate([np.log1p(seconds), seconds / max(length, 1e-3)], axis=1).astype(np.float32)


def describe_limits(num_scenes: int, num_frames: int) -> str:
    """A sentence for the user on what of a video is merged or left out; empty for nothing."""
    notes = []
    if num_scenes > MAX_SCENES:
        notes.append(f"The model reads {MAX_SCENES} scenes; the {num_scenes} of the video were merged to these.")
    if num_frames > MAX_FRAMES:
        notes.append(f"The model reads {MAX_FRAMES} frames of the {num_frames}.")
    return " ".join(notes)


def _merge(earlier: SceneLike, later: SceneLike) -> MergedScene:
    weights = np.array([earlier.end - earlier.start, later.end - later.start], np.float32)
    vectors = np.stack([earlier.vector_D, later.vector_D])
    vector_D = normalize(weights @ vectors) if weights.sum() > 0 else mean_direction(vectors)
    return MergedScene(earlier.start, max(earlier.end, later.end), vector_D)
