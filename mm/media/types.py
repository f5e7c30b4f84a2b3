"""What media code hands out: plain values, no open files.

Times are seconds on the presentation clock, 0 at the first thing shown or heard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pathlib import Path

MediaKind = Literal["image", "video", "audio"]
RGB = npt.NDArray[np.uint8]
"""Picture, shape (height, width, 3), 8 bits a channel."""
Waveform = npt.NDArray[np.float32]
"""Mono sound, shape (samples,), in [-1, 1]."""

SPEECH_RATE = 16_000
"""Samples a second of every waveform that reaches a tower."""


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a probe says of a file."""

    kind: MediaKind
    container: str
    content_type: str
    duration: float  # seconds; 0 for a still picture
    width: int  # pixels as shown, after rotation; 0 without pictures
    height: int
    rotation: int  # degrees clockwise that were applied: 0, 90, 180, 270
    fps: float  # mean frames a second; 0 for a still picture or a sound
    video_codec: str  # empty without pictures
    audio_codec: str  # empty without sound

    @property
    def has_video(self) -> bool:
        return self.kind == "video"

    @property
    def has_audio(self) -> bool:
        return bool(self.audio_codec)


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file that was probed: what encoding passes on as one value."""

    path: Path
    name: str  # the name that errors and logs use
    info: MediaInfo


@dataclass(frozen=True, slots=True)
class Frame:
    """One sampled picture of a video. One that stays on the screen for long comes again, under
    later times."""

    time: float
    image: RGB
    cut: bool  # a new shot starts between the previous sampled frame and this one
    cut_time: float  # time of the first frame of the shot that this frame belongs to


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, end exclusive."""

    start: float
    end: float

    @property
    def length(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Limits:
    """What a decoding child may use."""

    memory_bytes: int = 2 << 30  # beyond what is mapped before it is given a file
    silent_seconds: float = 120.0  # between two answers to one request
    wall_seconds: float = 3600.0  # of waiting for all answers to one request
    cpu_seconds: int = 3600  # over the life of the child
    output_bytes: int = 4 << 30  # sent back for one request
    pixels: int = 120_000_000  # of one picture or frame
    gif_pixels: int = 2_000_000_000  # of all frames of a GIF together
    duration: float = 4 * 3600.0
    requests: int = 200  # after which a child is replaced, and forks after which a fork server is
