"""What is known about the demo's media, and whether a hit matches with it. Times are seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from mm.cli.format import format_span

if TYPE_CHECKING:
    from mm.schemas import Hit, Kind


@dataclass(frozen=True, slots=True)
class Source:
    """A file that an installed package carries."""

    package: str
    path: str


@dataclass(frozen=True, slots=True)
class Scene:
    """A stretch of the video: a photo or a clip of the library."""

    shows: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording of the library, heard in the video from `at` on."""

    plays: str
    at: float


@dataclass(frozen=True, slots=True)
class MediaSpan:
    """Where the truth is: a whole medium, or a part of it."""

    medium: str
    start: float = 0.0
    end: float = float("inf")

    def when(self) -> str:
        """The stretch; nothing for a whole medium."""
        return format_span(self.start, self.end) if isfinite(self.end) else ""


@dataclass(frozen=True, slots=True)
class ImageVariant:
    """Another rendering of a photo: a crop (left, top, right, bottom; parts of its sides), maybe
    mirrored."""

    of: str
    crop: tuple[float, float, float, float]
    mirrored: bool = False


@dataclass(frozen=True, slots=True)
class VideoGroundTruth:
    """When each scene of the video is, and when each recording begins."""

    name: str
    scenes: dict[str, MediaSpan]
    sounds: dict[str, float]


Truth = Callable[[VideoGroundTruth], tuple[MediaSpan, ...]]
"""The moments that answer, given the video."""


@dataclass(frozen=True, slots=True)
class DemoQuery:
    """What is query_files, and what is true. `sound` and `clip` are cuts: of what, from when, until
    when."""

    text: str | None
    truth: Truth | tuple[()]
    picture: ImageVariant | None = None
    sound: tuple[str, float, float] | None = None
    clip: tuple[str, float, float] | None = None
    kinds: tuple[Kind, ...] = ()

    def label(self) -> str:
        """The query in words, its files too."""
        files = {"picture of": self.picture and self.picture.of, "sound of": _name(self.sound), "clip of": _name(self.clip)}
        parts = [f'"{self.text}"'] if self.text else []
        parts += [f"a {kind} {name}" for kind, name in files.items() if name]
        return " + ".join(parts) + (f" (in {', '.join(self.kinds)})" if self.kinds else "")

    def moments(self, video: VideoGroundTruth) -> tuple[MediaSpan, ...]:
        """The moments that answer; none means that nothing may match."""
        return self.truth(video) if callable(self.truth) else ()


def image_truth(medium: str) -> Truth:
    """The medium itself, and its scene in the video."""
    return lambda video: (MediaSpan(medium), *([video.scenes[medium]] if medium in video.scenes else []))


def speech_truth(medium: str, start: float, end: float) -> Truth:
    """Those seconds of a recording, and where they are heard in the video."""

    def moments(video: VideoGroundTruth) -> tuple[MediaSpan, ...]:
        at = video.sounds[medium]
        return MediaSpan(medium, start, end), MediaSpan(video.name, at + start, at + end)

    return moments


def build_ground_truth(name: str, scenes: Sequence[Scene], sounds: Sequence[Recording]) -> VideoGroundTruth:
    """When what is image_truth and heard in a video that is spliced like this."""
    found: dict[str, MediaSpan] = {}
    start = 0.0
    for scene in scenes:
        found[scene.shows] = MediaSpan(name, start, start + scene.seconds)
        start += scene.seconds
    return VideoGroundTruth(name, found, {sound.plays: sound.at for sound in sounds})


def matches(hit: Hit, medium: str, moments: Sequence[MediaSpan]) -> bool:
    """Whether the best part of the hit, on that medium, lies by more than half in one of the
    moments, or the moment in it."""
    return any(_lies_in(hit.best_start, hit.best_end, moment) for moment in moments if moment.medium == medium)


def _lies_in(start: float, end: float, moment: MediaSpan) -> bool:
    if end <= start:  # a picture has no time
        return moment.start <= start <= moment.end
    return min(end, moment.end) - max(start, moment.start) > 0.5 * min(end - start, moment.end - moment.start)


def _name(cut: tuple[str, float, float] | None) -> str | None:
    return cut and cut[0]
