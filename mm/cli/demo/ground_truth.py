"""Ground truth of the demo, and whether a hit matches it. Times are seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import isfinite
from typing import TYPE_CHECKING

from mm.cli.format import format_span
from mm.schemas import Filters

if TYPE_CHECKING:
    from mm.schemas import Hit, Kind


@dataclass(frozen=True, slots=True)
class Scene:
    """A time range of the generated video that shows a photo or a clip of the data set."""

    shows: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording of the data set in the audio of the generated video, from the time `at`."""

    plays: str
    at: float


@dataclass(frozen=True, slots=True)
class Target:
    """A correct result: a whole media file or a time range of it."""

    medium: str
    start: float = 0.0
    end: float = float("inf")

    def format_time(self) -> str:
        """The time range; empty for a whole file."""
        return format_span(self.start, self.end) if isfinite(self.end) else ""


@dataclass(frozen=True, slots=True)
class ImageVariant:
    """A crop of a photo (left, top, right, bottom; fractions of its sides), mirrored if set."""

    of: str
    crop: tuple[float, float, float, float]
    mirrored: bool = False


@dataclass(frozen=True, slots=True)
class VideoGroundTruth:
    """Time ranges of the scenes and start times of the recordings in the generated video."""

    name: str
    scenes: dict[str, Target]
    recordings: dict[str, float]


FindTargets = Callable[[VideoGroundTruth], tuple[Target, ...]]
"""Returns the correct results, given the generated video."""


@dataclass(frozen=True, slots=True)
class DemoQuery:
    """A query and its correct results. `sound` and `clip` are cuts: (name, start, end)."""

    text: str | None
    find_targets: FindTargets | tuple[()]
    picture: ImageVariant | None = None
    sound: tuple[str, float, float] | None = None
    clip: tuple[str, float, float] | None = None
    kinds: tuple[Kind, ...] = ()
    taken_on: date | None = None
    """The day on which a result was taken."""

    def label(self) -> str:
        """The text and the files of the query."""
        files = {"image of": self.picture and self.picture.of, "audio of": _name(self.sound), "clip of": _name(self.clip)}
        components = [f'"{self.text}"'] if self.text else []
        components += [f"{kind} {name}" for kind, name in files.items() if name]
        limits = [f"in {', '.join(self.kinds)}"] if self.kinds else []
        limits += [f"taken on {self.taken_on}"] if self.taken_on else []
        return " + ".join(components) + (f" ({', '.join(limits)})" if limits else "")

    def filters(self) -> Filters:
        """The filters of the query."""
        if self.taken_on is None:
            return Filters(kinds=list(self.kinds))
        start = datetime.combine(self.taken_on, time())
        return Filters(kinds=list(self.kinds), taken_after=start, taken_before=start + timedelta(days=1))

    def targets(self, video: VideoGroundTruth) -> tuple[Target, ...]:
        """The correct results; empty if nothing may match."""
        return self.find_targets(video) if callable(self.find_targets) else ()


def shown_in(medium: str) -> FindTargets:
    """Targets of a query for an image: the file, and its scene in the generated video."""
    return lambda video: (Target(medium), *([video.scenes[medium]] if medium in video.scenes else []))


def spoken_in(medium: str, start: float, end: float) -> FindTargets:
    """Targets of a query for speech: a range of a recording, in its file and in the video."""

    def find_targets(video: VideoGroundTruth) -> tuple[Target, ...]:
        at = video.recordings[medium]
        return Target(medium, start, end), Target(video.name, at + start, at + end)

    return find_targets


def build_ground_truth(name: str, scenes: Sequence[Scene], recordings: Sequence[Recording]) -> VideoGroundTruth:
    """Ground truth of a video that is generated from these scenes and recordings."""
    targets: dict[str, Target] = {}
    start = 0.0
    for scene in scenes:
        targets[scene.shows] = Target(name, start, start + scene.seconds)
        start += scene.seconds
    return VideoGroundTruth(name, targets, {recording.plays: recording.at for recording in recordings})


def is_match(hit: Hit, medium: str, targets: Sequence[Target]) -> bool:
    """Whether the best range of a hit overlaps a target by more than half of the shorter range."""
    return any(overlaps(hit.best_start, hit.best_end, target) for target in targets if target.medium == medium)


def overlaps(start: float, end: float, target: Target) -> bool:
    """Whether a time range overlaps a target by more than half of the shorter range."""
    if end <= start:  # an image has no time
        return target.start <= start <= target.end
    return min(end, target.end) - max(start, target.start) > 0.5 * min(end - start, target.end - target.start)


def _name(cut: tuple[str, float, float] | None) -> str | None:
    return cut and cut[0]
