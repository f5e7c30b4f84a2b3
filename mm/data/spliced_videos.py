"""Long videos put together from short sources, so that it is known where each scene and each shot
begins and what it shows.

A scene is one photograph, one clip, or two photographs in turn, as two people who talk are filmed.
A photograph is filmed in several shots, each a crop that stands or moves. Between shots there are
cuts and dissolves, between scenes also fades through black, and scenes come again in other shots.
Times are seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

PATHS = 3
"""Ways over a photograph, each from one crop to another."""
SMALLEST = 0.55
"""Side of a crop, of the photograph's."""
AGAIN, CLIP, IN_TURN = 0.12, 0.2, 0.3
"""Share of scenes that are clips, and of those of photographs that show what was shown before, and
two in turn."""
LATER = 30.0
"""Seconds after which what was shown may come again as another scene."""
TURNS, TURN = (4, 7), (2.0, 6.0)
"""Shots of a scene of two photographs, the end excluded, and the seconds of each."""
SAME_PATH = 0.7
"""Share of shots in turn that are filmed like the one before of the same photograph."""
TYPICAL, SPREAD = 12.0, 0.6
"""Seconds of a scene of a photograph, and the deviation of their logarithm."""
SCENES = (4.0, 45.0)
"""Seconds of the shortest and the longest."""
SHOT = 2.0
"""Seconds of the shortest shot."""
MOST_SHOTS = 4
LONGEST_CHANGE = 2.0
"""Seconds of a dissolve or a fade."""

Box = tuple[float, float, float]
"""Left, top and side of a square crop, as shares of the picture's width and height."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One stretch of film without a cut."""

    start: float
    end: float
    source: int
    """Photographs come first, then clips."""
    path: int
    """Which way over the photograph; 0 for a clip."""
    backwards: bool
    moves: bool
    """A shot that does not move stays at the first crop of its way."""
    offset: float = 0.0
    """Where a clip begins in its file."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is one thing to look for."""

    start: float
    end: float
    shots: tuple[Shot, ...]

    @property
    def sources(self) -> frozenset[int]:
        return frozenset(shot.source for shot in self.shots)


@dataclass(frozen=True, slots=True)
class Change:
    """How one shot becomes the next: at once, or over some seconds around `time`."""

    time: float
    seconds: float
    black: bool
    scene: bool


@dataclass(frozen=True, slots=True)
class SplicedVideo:
    """A whole film."""

    scenes: tuple[Scene, ...]
    changes: tuple[Change, ...]

    @property
    def duration(self) -> float:
        return self.scenes[-1].end

    def spans_of(self, source: int) -> npt.NDArray[np.float64]:
        """(N, 2) when a source is shown."""
        return np.array([(scene.start, scene.end) for scene in self.scenes if source in scene.sources]).reshape(-1, 2)

    def starts(self, *, scenes: bool) -> list[float]:
        """Times at which scenes, or shots, begin, without the first."""
        return [change.time for change in self.changes if change.scene or not scenes]


@dataclass(frozen=True, slots=True)
class View:
    """What is seen of one source: `share` of the way along a path, or the time in a clip."""

    source: int
    path: int
    share: float
    time: float


@dataclass(frozen=True, slots=True)
class Mix:
    """A frame: a view, another one that it is mixed with, how much of that, and how much light is
    left."""

    view: View
    other: View | None
    weight: float
    light: float


@cache
def paths_of(source: int) -> tuple[tuple[Box, Box], ...]:
    """The ways over a photograph, the same at each call."""
    random = np.random.default_rng((source, PATHS))
    return tuple((_box(random), _box(random)) for _ in range(PATHS))


def draw_spliced_video(
    random: np.random.Generator,
    photographs: Sequence[int],
    clips: Sequence[tuple[int, float]],
    seconds: float,
    in_turn: float = IN_TURN,
) -> SplicedVideo:
    """A film of at least so many seconds, or of all photographs. `clips` are sources with their
    lengths, and may come often.

    `in_turn` is the share of scenes of photographs that show two of them.
    """
    fresh = random.permutation(np.asarray(photographs, np.int64)).tolist()
    scenes: list[Scene] = []
    at = 0.0
    while at < seconds and fresh:
        kind = random.random()
        back = sorted({one for scene in scenes if scene.end < at - LATER for one in scene.sources} & set(photographs))
        back = [one for one in back if not any(one in scene.sources for scene in scenes if scene.end >= at - LATER)]
        if clips and kind < CLIP:
            source, length = clips[int(random.integers(len(clips)))]
            if any(source in scene.sources for scene in scenes if scene.end >= at - LATER):
                continue
            scene = _clip_scene(random, at, source, length)
        elif back and random.random() < AGAIN:
            scene = _photograph_scene(random, at, int(random.choice(back)))
        elif len(fresh) > 1 and random.random() < in_turn:
            scene = _scene_in_turn(random, at, fresh.pop(), fresh.pop())
        else:
            scene = _photograph_scene(random, at, fresh.pop())
        scenes.append(scene)
        at = scene.end
    return SplicedVideo(tuple(scenes), tuple(_changes(random, scenes)))


def frame_at(splice: SplicedVideo, time: float) -> Mix:
    """What is on the screen."""
    shots = [shot for scene in splice.scenes for shot in scene.shots]
    starts = [shot.start for shot in shots]
    index = max(int(np.searchsorted(starts, time, side="right")) - 1, 0)
    view = _view(shots[index], time)
    other, weight, light = None, 0.0, 1.0
    for number, change in ((index, -1), (index + 1, 1)):  # how this shot began, how it ends
        if not 0 < number < len(shots):
            continue
        how = splice.changes[number - 1]
        apart = abs(time - how.time)
        if apart >= how.seconds / 2:
            continue
        if how.black:
            light = apart / (how.seconds / 2)
        else:
            other, weight = _view(shots[index + change], time), 0.5 - apart / how.seconds
    return Mix(view, other, weight, light)


def begins(splice: SplicedVideo, times_L: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """(L, 2) whether a shot, and a scene, begins between the frame before and this one; nothing is
    asked of the first."""
    found = np.zeros((len(times_L), 2), np.bool_)
    for column, times in enumerate((splice.starts(scenes=False), splice.starts(scenes=True))):
        at = np.searchsorted(times_L, times, side="left")
        found[at[at < len(times_L)], column] = True
    found[0] = False
    return found


def _view(shot: Shot, time: float) -> View:
    share = min(max((time - shot.start) / (shot.end - shot.start), 0.0), 1.0) if shot.moves else 0.0
    inside = min(max(time, shot.start), shot.end) - shot.start
    return View(shot.source, shot.path, 1 - share if shot.backwards else share, shot.offset + inside)


def _box(random: np.random.Generator) -> Box:
    side = float(random.uniform(SMALLEST, 1.0))
    left, top = random.uniform(0, 1 - side, 2)
    return float(left), float(top), side


def _clip_scene(random: np.random.Generator, at: float, source: int, length: float) -> Scene:
    lasts = min(length, float(random.uniform(SCENES[0], TYPICAL)))
    offset = float(random.uniform(0, length - lasts))
    return Scene(at, at + lasts, (Shot(at, at + lasts, source, 0, False, True, offset),))


def _photograph_scene(random: np.random.Generator, at: float, source: int) -> Scene:
    lasts = float(np.clip(TYPICAL * np.exp(SPREAD * random.normal()), *SCENES))
    count = int(random.integers(1, min(MOST_SHOTS, int(lasts / SHOT)) + 1))
    shares = random.dirichlet(np.full(count, 2.0)) * (lasts - count * SHOT) + SHOT
    edges = at + np.concatenate([[0.0], np.cumsum(shares)])
    shots: list[Shot] = []
    for start, end in pairwise(edges.tolist()):
        others = [path for path in range(PATHS) if not shots or path != shots[-1].path]
        shots.append(_shot(random, start, end, source, int(random.choice(others))))
    return Scene(at, shots[-1].end, tuple(shots))


def _scene_in_turn(random: np.random.Generator, at: float, *sources: int) -> Scene:
    shots: list[Shot] = []
    for turn in range(int(random.integers(*TURNS))):
        start = shots[-1].end if shots else at
        before = shots[turn - len(sources)].path if turn >= len(sources) and random.random() < SAME_PATH else None
        path = int(random.integers(PATHS)) if before is None else before
        shots.append(_shot(random, start, start + float(random.uniform(*TURN)), sources[turn % len(sources)], path))
    return Scene(at, shots[-1].end, tuple(shots))


def _shot(random: np.random.Generator, start: float, end: float, source: int, path: int) -> Shot:
    return Shot(start, end, source, path, bool(random.random() < 0.5), bool(random.random() < 0.75))


def _changes(random: np.random.Generator, scenes: Sequence[Scene]) -> list[Change]:
    found = []
    shots = [(scene, shot) for scene in scenes for shot in scene.shots]
    for (left, before), (right, after) in pairwise(shots):
        scene = left is not right
        kind = random.choice(3, p=(0.6, 0.25, 0.15) if scene else (0.85, 0.15, 0.0))
        longest = min(LONGEST_CHANGE, before.end - before.start, after.end - after.start)
        seconds = 0.0 if kind == 0 else float(random.uniform(0.25, 1.0)) * longest
        found.append(Change(after.start, seconds, bool(kind == 2), scene))
    return found
