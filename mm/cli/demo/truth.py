"""What is known about the demo's media, and whether a hit agrees with it. Times are seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from mm.cli.format import span

if TYPE_CHECKING:
    from mm.schemas import Hit, Kind


@dataclass(frozen=True, slots=True)
class Source:
    """A file that an installed package carries."""

    package: str
    path: str


@dataclass(frozen=True, slots=True)
class Scene:
    """A stretch of the film: a photo or a clip of the library."""

    shows: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording of the library, heard in the film from `at` on."""

    plays: str
    at: float


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the truth is: a whole medium, or a part of it."""

    medium: str
    start: float = 0.0
    end: float = float("inf")

    def when(self) -> str:
        """The stretch; nothing for a whole medium."""
        return span(self.start, self.end) if isfinite(self.end) else ""


@dataclass(frozen=True, slots=True)
class Picture:
    """Another rendering of a photo: a crop (left, top, right, bottom; parts of its sides), maybe
    mirrored."""

    of: str
    crop: tuple[float, float, float, float]
    mirrored: bool = False


@dataclass(frozen=True, slots=True)
class FilmTruth:
    """When each scene of the film is, and when each recording begins."""

    name: str
    scenes: dict[str, Moment]
    sounds: dict[str, float]


Truth = Callable[[FilmTruth], tuple[Moment, ...]]
"""The moments that answer, given the film."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and what is true. `sound` and `clip` are cuts: of what, from when, until
    when."""

    text: str | None
    truth: Truth | tuple[()]
    picture: Picture | None = None
    sound: tuple[str, float, float] | None = None
    clip: tuple[str, float, float] | None = None
    kinds: tuple[Kind, ...] = ()

    def label(self) -> str:
        """The question in words, its files too."""
        files = {"picture of": self.picture and self.picture.of, "sound of": _name(self.sound), "clip of": _name(self.clip)}
        parts = [f'"{self.text}"'] if self.text else []
        parts += [f"a {kind} {name}" for kind, name in files.items() if name]
        return " + ".join(parts) + (f" (in {', '.join(self.kinds)})" if self.kinds else "")

    def moments(self, film: FilmTruth) -> tuple[Moment, ...]:
        """The moments that answer; none means that nothing may match."""
        return self.truth(film) if callable(self.truth) else ()


def seen(medium: str) -> Truth:
    """The medium itself, and its scene in the film."""
    return lambda film: (Moment(medium), *([film.scenes[medium]] if medium in film.scenes else []))


def said(medium: str, start: float, end: float) -> Truth:
    """Those seconds of a recording, and where they are heard in the film."""

    def moments(film: FilmTruth) -> tuple[Moment, ...]:
        at = film.sounds[medium]
        return Moment(medium, start, end), Moment(film.name, at + start, at + end)

    return moments


def film_truth(name: str, scenes: Sequence[Scene], sounds: Sequence[Recording]) -> FilmTruth:
    """When what is seen and heard in a film that is spliced like this."""
    found: dict[str, Moment] = {}
    start = 0.0
    for scene in scenes:
        found[scene.shows] = Moment(name, start, start + scene.seconds)
        start += scene.seconds
    return FilmTruth(name, found, {sound.plays: sound.at for sound in sounds})


def agrees(hit: Hit, medium: str, moments: Sequence[Moment]) -> bool:
    """Whether the best part of the hit, on that medium, lies by more than half in one of the
    moments, or the moment in it."""
    return any(_lies_in(hit.best_start, hit.best_end, moment) for moment in moments if moment.medium == medium)


def _lies_in(start: float, end: float, moment: Moment) -> bool:
    if end <= start:  # a picture has no time
        return moment.start <= start <= moment.end
    return min(end, moment.end) - max(start, moment.start) > 0.5 * min(end - start, moment.end - moment.start)


def _name(cut: tuple[str, float, float] | None) -> str | None:
    return cut and cut[0]
