"""Plans of synthetic videos, spliced from images and clips, with known shot and scene boundaries.

A scene shows one image, one clip, or two images in alternation. An image is shown in several shots,
each a fixed or moving crop. Shots change by cuts and dissolves, scenes also by fades through black,
and later scenes can repeat a source. Times are in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

NUM_PATHS = 3
"""Camera paths over an image, each from one crop to another."""
MIN_CROP = 0.55
"""Smallest side of a crop, as a share of the image's."""
REPEATED, CLIPS, ALTERNATING = 0.12, 0.2, 0.3
"""Share of scenes that are clips; of image scenes, shares that repeat a source or alternate two."""
MIN_REPEAT_GAP = 30.0
"""Seconds after which a source can be shown again in another scene."""
ALTERNATING_SHOTS, ALTERNATING_SECONDS = (4, 7), (2.0, 6.0)
"""Range of the number of shots in an alternating scene, its end excluded, and of their seconds."""
SAME_PATH = 0.7
"""Share of alternating shots with the path of the source's previous shot."""
MEDIAN_SCENE, LOG_DEVIATION = 12.0, 0.6
"""Median seconds of an image scene, and standard deviation of their logarithm."""
SCENE_SECONDS = (4.0, 45.0)
MIN_SHOT, MAX_SHOTS = 2.0, 4
"""Seconds of the shortest shot, and shots of an image scene."""
MAX_TRANSITION = 2.0
"""Seconds of the longest dissolve or fade."""

Box = tuple[float, float, float]
"""Left, top and side of a square crop, as shares of the image's width and height."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A stretch of video without a cut."""

    start: float
    end: float
    source: int
    """Images are numbered first, then clips."""
    path: int
    """The camera path over the image; 0 for a clip."""
    is_reversed: bool
    moves: bool
    """False for a shot that stays at the first crop of its path."""
    offset: float = 0.0
    """Start of the excerpt in the file of a clip."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Consecutive shots of the same sources."""

    start: float
    end: float
    shots: tuple[Shot, ...]

    @property
    def sources(self) -> frozenset[int]:
        return frozenset(shot.source for shot in self.shots)


@dataclass(frozen=True, slots=True)
class Transition:
    """The change from one shot to the next: a cut, or a dissolve or fade centred at `time`."""

    time: float
    seconds: float
    is_fade: bool
    is_scene_boundary: bool


@dataclass(frozen=True, slots=True)
class SplicedVideo:
    """The plan of a video."""

    scenes: tuple[Scene, ...]
    transitions: tuple[Transition, ...]

    @property
    def duration(self) -> float:
        return self.scenes[-1].end

    def spans_of(self, source: int) -> npt.NDArray[np.float64]:
        """Start and end (N, 2) of the scenes that show a source."""
        return np.array([(scene.start, scene.end) for scene in self.scenes if source in scene.sources]).reshape(-1, 2)

    def starts(self, *, scenes: bool) -> list[float]:
        """Start times of scenes or of shots, without the first."""
        return [transition.time for transition in self.transitions if transition.is_scene_boundary or not scenes]


@dataclass(frozen=True, slots=True)
class View:
    """What is visible of one source: the share of a camera path, or the time in a clip."""

    source: int
    path: int
    share: float
    time: float


@dataclass(frozen=True, slots=True)
class FrameMix:
    """A frame: a view, the view that it is dissolved with and its weight, and the brightness."""

    view: View
    other: View | None
    weight: float
    brightness: float


@cache
def crop_paths(source: int) -> tuple[tuple[Box, Box], ...]:
    """First and last crop of each camera path over an image; the same for the same source."""
    random = np.random.default_rng((source, NUM_PATHS))
    return tuple((_draw_box(random), _draw_box(random)) for _ in range(NUM_PATHS))


def draw_spliced_video(
    random: np.random.Generator,
    images: Sequence[int],
    clips: Sequence[tuple[int, float]],
    seconds: float,
    alternating: float = ALTERNATING,
) -> SplicedVideo:
    """Draw a video of at least `seconds`, or shorter once all images are used.

    `clips` are sources with their durations, which can be used several times; `alternating` is the
    share of image scenes with two images.
    """
    unused = random.permutation(np.asarray(images, np.int64)).tolist()
    scenes: list[Scene] = []
    at = 0.0
    while at < seconds and unused:
        kind = random.random()
        recent = {source for scene in scenes if scene.end >= at - MIN_REPEAT_GAP for source in scene.sources}
        earlier = {source for scene in scenes if scene.end < at - MIN_REPEAT_GAP for source in scene.sources}
        repeatable = sorted((earlier & set(images)) - recent)
        if clips and kind < CLIPS:
            source, duration = clips[int(random.integers(len(clips)))]
            if source in recent:
                continue
            scene = _draw_clip_scene(random, at, source, duration)
        elif repeatable and random.random() < REPEATED:
            scene = _draw_image_scene(random, at, int(random.choice(repeatable)))
        elif len(unused) > 1 and random.random() < alternating:
            scene = _draw_alternating_scene(random, at, unused.pop(), unused.pop())
        else:
            scene = _draw_image_scene(random, at, unused.pop())
        scenes.append(scene)
        at = scene.end
    return SplicedVideo(tuple(scenes), tuple(_draw_transitions(random, scenes)))


def compose_frame(video: SplicedVideo, time: float) -> FrameMix:
    """What is on the screen at a time."""
    shots = [shot for scene in video.scenes for shot in scene.shots]
    starts = [shot.start for shot in shots]
    index = max(int(np.searchsorted(starts, time, side="right")) - 1, 0)
    view = _view(shots[index], time)
    other, weight, brightness = None, 0.0, 1.0
    for number, neighbour in ((index, -1), (index + 1, 1)):  # the transition into this shot, and out of it
        if not 0 < number < len(shots):
            continue
        transition = video.transitions[number - 1]
        distance = abs(time - transition.time)
        if distance >= transition.seconds / 2:
            continue
        if transition.is_fade:
            brightness = distance / (transition.seconds / 2)
        else:
            other, weight = _view(shots[index + neighbour], time), 0.5 - distance / transition.seconds
    return FrameMix(view, other, weight, brightness)


def label_boundaries(video: SplicedVideo, times_L: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Labels (L, 2): whether a shot, and a scene, starts between the previous frame and this one.

    The labels of the first frame are False.
    """
    labels_L2 = np.zeros((len(times_L), 2), np.bool_)
    for column, times in enumerate((video.starts(scenes=False), video.starts(scenes=True))):
        at = np.searchsorted(times_L, times, side="left")
        labels_L2[at[at < len(times_L)], column] = True
    labels_L2[0] = False
    return labels_L2


def _view(shot: Shot, time: float) -> View:
    share = min(max((time - shot.start) / (shot.end - shot.start), 0.0), 1.0) if shot.moves else 0.0
    elapsed = min(max(time, shot.start), shot.end) - shot.start
    return View(shot.source, shot.path, 1 - share if shot.is_reversed else share, shot.offset + elapsed)


def _draw_box(random: np.random.Generator) -> Box:
    side = float(random.uniform(MIN_CROP, 1.0))
    left, top = random.uniform(0, 1 - side, 2)
    return float(left), float(top), side


def _draw_clip_scene(random: np.random.Generator, at: float, source: int, duration: float) -> Scene:
    length = min(duration, float(random.uniform(SCENE_SECONDS[0], MEDIAN_SCENE)))
    offset = float(random.uniform(0, duration - length))
    return Scene(at, at + length, (Shot(at, at + length, source, 0, False, True, offset),))


def _draw_image_scene(random: np.random.Generator, at: float, source: int) -> Scene:
    length = float(np.clip(MEDIAN_SCENE * np.exp(LOG_DEVIATION * random.normal()), *SCENE_SECONDS))
    num_shots = int(random.integers(1, min(MAX_SHOTS, int(length / MIN_SHOT)) + 1))
    lengths = random.dirichlet(np.full(num_shots, 2.0)) * (length - num_shots * MIN_SHOT) + MIN_SHOT
    edges = at + np.concatenate([[0.0], np.cumsum(lengths)])
    shots: list[Shot] = []
    for start, end in pairwise(edges.tolist()):
        paths = [path for path in range(NUM_PATHS) if not shots or path != shots[-1].path]
        shots.append(_draw_shot(random, start, end, source, int(random.choice(paths))))
    return Scene(at, shots[-1].end, tuple(shots))


def _draw_alternating_scene(random: np.random.Generator, at: float, *sources: int) -> Scene:
    shots: list[Shot] = []
    for number in range(int(random.integers(*ALTERNATING_SHOTS))):
        start = shots[-1].end if shots else at
        is_repeated = number >= len(sources) and random.random() < SAME_PATH
        path = shots[number - len(sources)].path if is_repeated else int(random.integers(NUM_PATHS))
        end = start + float(random.uniform(*ALTERNATING_SECONDS))
        shots.append(_draw_shot(random, start, end, sources[number % len(sources)], path))
    return Scene(at, shots[-1].end, tuple(shots))


def _draw_shot(random: np.random.Generator, start: float, end: float, source: int, path: int) -> Shot:
    return Shot(start, end, source, path, bool(random.random() < 0.5), bool(random.random() < 0.75))


def _draw_transitions(random: np.random.Generator, scenes: Sequence[Scene]) -> list[Transition]:
    transitions = []
    shots = [(scene, shot) for scene in scenes for shot in scene.shots]
    for (left, before), (right, after) in pairwise(shots):
        is_scene_boundary = left is not right
        kind = random.choice(3, p=(0.6, 0.25, 0.15) if is_scene_boundary else (0.85, 0.15, 0.0))
        longest = min(MAX_TRANSITION, before.end - before.start, after.end - after.start)
        seconds = 0.0 if kind == 0 else float(random.uniform(0.25, 1.0)) * longest
        transitions.append(Transition(after.start, seconds, bool(kind == 2), is_scene_boundary))
    return transitions
