"""Vectors of one file in a space, as ingest would store them."""

from __future__ import annotations

from dataclasses import dataclass, field

from mm.numerics import Float64
from mm.spaces.types import Vectors


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Vectors of one kind of evidence each, with their spans.

    Keys of `vectors` are evidence kinds (`picture`, `sound`, `speech`, `text`); each is (S, D)
    float32 with rows of length 1, and `spans` of the same key is (S, 2), seconds. An image has one
    picture vector with the span (0, 0).
    """

    duration: float
    """Seconds; 0 of an image."""
    vectors: dict[str, Vectors]
    spans: dict[str, Float64]
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Words of each vector of speech or recognized text, class names of sounds."""
    frame_times: Float64 | None = None
    """Of a video: times of the sampled frames, (F,)."""
    frame_vectors: Vectors | None = None
    """Of a video: (F, D)."""
    frame_motions: Vectors | None = None
    """Of a video: differences from the frame before (`mm.models.temporal.motion`), (F, M)."""
