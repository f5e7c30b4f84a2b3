"""The output of encoding, and the reader that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mm.media.types import RGB, Frame, Span, Waveform
from mm.schemas import EvidenceKind
from mm.spaces.types import Vector


@dataclass(frozen=True, slots=True, eq=False)
class EncodedEvidence:
    """One vector that search compares with a query.

    `vector` is (dim,) float32 of length 1; times are seconds from the start of the item.
    """

    kind: EvidenceKind
    start: float
    end: float
    text: str | None
    """The transcribed or recognized text, the class of the sound, or the words of the file name."""
    vector: Vector
    language: str | None = None
    """Of speech: code of the language, such as `en`."""
    is_identified: bool = False
    """Whether the language was found from the sound; otherwise the recognizer assumes it."""


@dataclass(frozen=True, slots=True)
class TextImage:
    """An image of a segment that is selected for text recognition. Times are in seconds."""

    time: float
    """Of the frame; 0 for a photo."""
    start: float
    end: float
    """From when to when its text is shown, within the segment."""


@dataclass(frozen=True, slots=True, eq=False)
class TextRegions:
    """Where a frame has detail that can be text; see `mm.spaces.encode.text_regions`."""

    detail: npt.NDArray[np.bool_]
    """Cells (rows, columns) with strong gradients."""
    brightness: npt.NDArray[np.uint8]
    """Mean brightness (2 rows, 2 columns) of the four squares of each cell."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedFrame:
    """A sampled frame of a video as a vector."""

    time: float
    vector: Vector
    cut: bool
    """Whether a shot begins between the frame before and this one."""
    cut_time: float
    """When the shot of the frame began."""
    motion: Vector
    """Difference from the frame before (`mm.models.temporal.motion`); zeros for the first frame."""
    regions: TextRegions | None = None
    """Only while a chunk is encoded; it is not stored."""
    thumbnail: npt.NDArray[np.float32] | None = None
    """Brightness (`mm.models.temporal.motion`); only while a chunk is encoded."""


@dataclass(slots=True, eq=False)
class EncodedSegment:
    """A segment of an item with its evidence and its sampled frames."""

    start: float
    end: float
    shot: int
    """Number of its shot, counted from 0 within the chunk."""
    evidence: list[EncodedEvidence] = field(default_factory=list)
    frames: list[EncodedFrame] = field(default_factory=list)
    unread: list[TextImage] = field(default_factory=list)
    """Images that are selected for text recognition and not processed yet."""
    num_read: int = 0
    """Images on which text recognition has run."""


class Reader(Protocol):
    """The methods of `mm.media.MediaReader` that encoding calls."""

    def image(self, path: Path, name: str, *, longest: int | None = None) -> RGB:
        """An image, no side longer than `longest` pixels."""
        ...

    def frames(self, path: Path, name: str, span: Span, fps: float, longest: int | None) -> Iterator[Frame]:
        """Sampled frames of a span, without near-identical ones."""
        ...

    def frame_at(self, path: Path, name: str, time: float, *, longest: int | None = None) -> RGB:
        """The frame of a video at `time` seconds."""
        ...

    def waveform(self, path: Path, name: str, span: Span) -> Waveform:
        """The audio of a span at `SPEECH_RATE`."""
        ...
