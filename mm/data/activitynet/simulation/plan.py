"""Draw the videos of a simulated set: scenes, activities, sentences, and missing files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from mm.data.activitynet.simulation.sources import SUBSETS, Pool, Source
from mm.data.sets.types import Moment

SHARES = (0.5, 0.35, 0.15)
"""Of training, validation and testing."""
MISSING = 0.1
"""Share of the videos of a subset that have no file; at least one where a subset has three."""
SHORTEST = 1 / 20
"""Duration of the shortest video, as a share of the longest."""
MIN_SECONDS = 6.0
"""Of a video, unless the longest is shorter."""
MEDIAN_SCENE, LOG_DEVIATION = 10.0, 0.5
SCENE_SECONDS = (2.0, 60.0)
MIN_SCENE = 0.5
"""Seconds; a shorter rest of a scene is left out."""
MAX_SENTENCES = 12
JITTER = 0.1
"""Difference between two annotators at an end of a span, at most, as a share of its length."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A stretch that shows one source."""

    start: float
    end: float
    source: Source
    is_activity: bool


@dataclass(frozen=True, slots=True)
class PlannedVideo:
    """A video and its annotations."""

    id: str
    """Without the prefix `v_`."""
    subset: str
    scenes: tuple[Scene, ...]
    label: str
    activities: tuple[tuple[float, float], ...]
    sentences: tuple[Moment, ...]
    other_sentences: tuple[Moment, ...]
    """Of a second annotator."""
    is_missing: bool = False
    is_damaged: bool = False
    """Whether the file is cut off, so that it cannot be opened."""

    @property
    def duration(self) -> float:
        return self.scenes[-1].end


def draw_videos(seed: int, num_videos: int, longest: float, labels: Sequence[str], pools: dict[str, Pool]) -> list[PlannedVideo]:
    """Draw `num_videos` videos of up to `longest` seconds; the first has that duration.

    Videos, by number, do not depend on their count, but for the subset and for missing files.
    """
    subsets = _assign_subsets(num_videos)
    videos = []
    for number, subset in enumerate(subsets):
        random = np.random.default_rng((seed, number))
        share = 1.0 if number == 0 else SHORTEST ** float(random.random())
        of_subset = subsets[:number].count(subset)
        label = labels[of_subset % len(labels)]
        name = f"simulated-{number:05d}"
        videos.append(
            _draw_video(
                random,
                name,
                subset,
                max(share * longest, min(longest, MIN_SECONDS)),
                label,
                pools[subset],
                of_subset % len(labels),
            )
        )
    return _remove_files(seed, videos)


def _assign_subsets(num_videos: int) -> list[str]:
    """Subsets in the given shares, spread evenly over the numbers."""
    counts = dict.fromkeys(SUBSETS, 0)
    assigned = []
    for number in range(1, num_videos + 1):
        subset = max(SUBSETS, key=lambda name: SHARES[SUBSETS.index(name)] * number - counts[name])
        counts[subset] += 1
        assigned.append(subset)
    return assigned


def _remove_files(seed: int, videos: list[PlannedVideo]) -> list[PlannedVideo]:
    """Mark missing videos of each subset, and one damaged video of validation."""
    random = np.random.default_rng((seed, len(videos)))
    for subset in SUBSETS:
        numbers = [number for number, video in enumerate(videos) if video.subset == subset and number]
        count = max(round(MISSING * len(numbers)), 1) if len(numbers) >= 3 else 0
        chosen = random.permutation(numbers).tolist()
        for number in chosen[:count]:
            videos[number] = replace(videos[number], is_missing=True)
        if subset == "validation" and len(numbers) > count + 2:
            videos[chosen[count]] = replace(videos[chosen[count]], is_damaged=True)
    return videos


def _draw_video(
    random: np.random.Generator, name: str, subset: str, seconds: float, label: str, pool: Pool, number: int
) -> PlannedVideo:
    lengths = _draw_lengths(random, seconds)
    is_active = _draw_activities(random, len(lengths))
    scenes: list[Scene] = []
    unused: dict[bool, list[Source]] = {True: [], False: []}
    at = 0.0
    for length, active in zip(lengths, is_active, strict=True):
        candidates = pool.activities[number] if active else pool.background
        until = at + length
        while until - at >= MIN_SCENE or not scenes:  # several sources where they are short
            if not unused[active]:
                unused[active] = [candidates[int(index)] for index in random.permutation(len(candidates))]
            source = unused[active].pop()
            end = min(until, at + source.seconds)
            scenes.append(Scene(at, end, source, active))
            at = end
    activities = [(run[0].start, run[-1].end) for run in _runs(scenes)]
    sentences, others = _draw_sentences(random, scenes)
    return PlannedVideo(name, subset, tuple(scenes), label, tuple(activities), sentences, others)


def _draw_lengths(random: np.random.Generator, seconds: float) -> list[float]:
    """Seconds of scenes, at least three, that sum to `seconds`."""
    lengths: list[float] = []
    while sum(lengths) < seconds or len(lengths) < 3:
        low, high = SCENE_SECONDS
        drawn = float(np.clip(MEDIAN_SCENE * np.exp(LOG_DEVIATION * random.normal()), low, high))
        lengths.append(min(drawn, seconds / 3))
    total = sum(lengths)
    return [length * seconds / total for length in lengths]


def _draw_activities(random: np.random.Generator, num_scenes: int) -> list[bool]:
    """Which scenes show the activity: one to three runs, about a third to a half of the scenes."""
    num_runs = min(int(random.choice((1, 2, 3), p=(0.6, 0.25, 0.15))), num_scenes // 3)
    edges = np.linspace(0, num_scenes, num_runs + 1).astype(int).tolist()
    is_active = [False] * num_scenes
    for first, end in pairwise(edges):
        length = max(1, round((end - first) * float(random.uniform(0.3, 0.5))))
        start = first + int(random.integers(1, max(end - first - length, 1) + 1))
        is_active[start : min(start + length, end)] = [True] * (min(start + length, end) - start)
    return is_active


def _runs(scenes: Sequence[Scene]) -> list[list[Scene]]:
    """Consecutive scenes with the activity."""
    runs: list[list[Scene]] = []
    for index, scene in enumerate(scenes):
        if scene.is_activity and index and scenes[index - 1].is_activity:
            runs[-1].append(scene)
        elif scene.is_activity:
            runs.append([scene])
    return runs


def _draw_sentences(random: np.random.Generator, scenes: Sequence[Scene]) -> tuple[tuple[Moment, ...], tuple[Moment, ...]]:
    """Sentences of scenes whose description occurs once in the video, by two annotators."""
    texts = [scene.source.sentences[0] for scene in scenes]
    unique = [scene for scene, text in zip(scenes, texts, strict=True) if texts.count(text) == 1] or [scenes[0]]
    chosen = sorted(random.permutation(len(unique))[:MAX_SENTENCES].tolist())
    first, second = [], []
    for index in chosen:
        scene = unique[index]
        length = scene.end - scene.start
        early, late = random.uniform(0, JITTER, 2) * length
        first.append(Moment(round(scene.start, 2), round(scene.end, 2), text=scene.source.sentences[0]))
        other = scene.source.sentences[-1]
        second.append(Moment(round(scene.start + float(early), 2), round(scene.end - float(late), 2), text=other))
    return tuple(first), tuple(second)
