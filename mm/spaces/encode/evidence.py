"""What encoding makes of media, and what it needs of a reader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mm.media.types import RGB, Frame, Span, Waveform
from mm.schemas import EvidenceKind
from mm.spaces.types import Vector


@dataclass(frozen=True, slots=True, eq=False)
class EncodedEvidence:
    """One thing that search can find. `vector` is (dim,) float32 of length 1; times are seconds
    from the start of the item."""

    kind: EvidenceKind
    start: float
    end: float
    text: str | None
    """The words said or written, what sounds, or the words of the file's name."""
    vector: Vector


@dataclass(frozen=True, slots=True, eq=False)
class EncodedFrame:
    """A frame's vector and time, when its shot began, and how it differs from the frame before
    (`mm.models.temporal.motion`)."""

    time: float
    vector: Vector
    cut: bool
    cut_time: float
    motion: Vector
    """Zeros for the first: of what was before it nothing is known."""


@dataclass(slots=True, eq=False)
class EncodedSegment:
    """A moment, what can be found of it, and the frames that were sampled in it. Shots are counted
    from 0 within the chunk."""

    start: float
    end: float
    shot: int
    evidence: list[EncodedEvidence] = field(default_factory=list)
    frames: list[EncodedFrame] = field(default_factory=list)
    unread: bool = False
    """Whether a picture of it is worth reading, and its text was not read."""


class Reader(Protocol):
    """The part of `mm.media.MediaReader` that encoding uses."""

    def image(self, path: Path, name: str, *, longest: int | None = None) -> RGB:
        """The picture, at most `longest` pixels long."""
        ...

    def frames(self, path: Path, name: str, span: Span, fps: float, longest: int | None) -> Iterator[Frame]:
        """Sampled frames of a span, near-identical ones left out."""
        ...

    def frame_at(self, path: Path, name: str, time: float, *, longest: int | None = None) -> RGB:
        """What a video shows at `time` seconds."""
        ...

    def waveform(self, path: Path, name: str, span: Span) -> Waveform:
        """The sound of a span at 16 kHz."""
        ...
