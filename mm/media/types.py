"""Values of the media package; none of them holds an open file.

Times are seconds on the presentation clock, which is 0 at the first video frame or audio sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

MediaKind = Literal["image", "video", "audio"]
RGB = npt.NDArray[np.uint8]
"""Image, shape (height, width, 3), 8 bits per channel."""
Waveform = npt.NDArray[np.float32]
"""Mono audio, shape (samples,), in [-1, 1]."""

SPEECH_RATE = 16_000
"""Samples per second of every waveform that a tower receives."""


@dataclass(frozen=True, slots=True)
class Capture:
    """When, where and with what a file was taken, by its metadata; empty values are unknown."""

    taken_at: datetime | None = None
    """With the offset from UTC that the file states, else naive: the clock of the camera."""
    make: str = ""
    model: str = ""
    lens: str = ""
    orientation: int = 1  # of the stored image, Exif 1 to 8; everything that is decoded is upright
    latitude: float | None = None  # degrees, WGS 84
    longitude: float | None = None
    altitude: float | None = None  # metres above sea level

    @property
    def camera(self) -> str:
        """Make and model; the make once, if the model repeats it."""
        repeats = self.model.lower().startswith(self.make.lower())
        return self.model if repeats else f"{self.make} {self.model}".strip()


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """Description of a file, as a probe returns it."""

    kind: MediaKind
    container: str
    content_type: str
    duration: float  # seconds; 0 for an image
    width: int  # pixels as shown, after rotation; 0 for audio
    height: int
    rotation: int  # degrees clockwise that were applied: 0, 90, 180, 270
    fps: float  # mean frames per second; 0 for an image or audio
    video_codec: str  # empty for audio
    audio_codec: str  # empty without audio
    capture: Capture = Capture()

    @property
    def has_video(self) -> bool:
        return self.kind == "video"

    @property
    def has_audio(self) -> bool:
        return bool(self.audio_codec)


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A probed file: its path, name and description as one value."""

    path: Path
    name: str  # the name that errors and logs use
    info: MediaInfo


@dataclass(frozen=True, slots=True)
class Frame:
    """One sampled frame of a video; a still image is sampled again at later times."""

    time: float
    image: RGB
    cut: bool  # a new shot starts between the previous sampled frame and this one
    cut_time: float  # time of the first frame of the shot that this frame belongs to


@dataclass(frozen=True, slots=True)
class Span:
    """A time range in seconds, end exclusive."""

    start: float
    end: float

    @property
    def length(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Clip:
    """What a clip contains."""

    suffix: str  # of its container, such as `mp4`
    start: float  # seconds of the file at which its first frame or sample is shown
    end: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of decoding children."""

    memory_bytes: int = 2 << 30  # of a child, beyond what is mapped before it receives a file
    silent_seconds: float = 120.0  # between two messages of one response
    wall_seconds: float = 3600.0  # of waiting for one response
    cpu_seconds: int = 3600  # over the life of a child
    output_bytes: int = 4 << 30  # of one response
    pixels: int = 120_000_000  # of one image or frame
    gif_pixels: int = 2_000_000_000  # of all frames of a GIF in total
    duration: float = 4 * 3600.0  # seconds of one file
    requests: int = 200  # of a child, and forks of a fork server, before it is replaced
    idle_seconds: float = 60.0  # that a child waits for the next request about its file
