"""Recall of the scenes of a long video, and the time of its ingest.

The ground truth is a timeline: scenes with start and end, captions of the images, and the spoken
sentence. A query is correct when one of the first five hits overlaps its scene.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from mm.client import Client
from mm.errors import InvalidInput
from mm.schemas import Filters, Hit

TOP = 5


@dataclass(frozen=True, slots=True)
class Scene:
    """A time range of the video with known content. Times in seconds."""

    start: float
    end: float
    captions: tuple[str, ...]
    spoken: str


@dataclass(frozen=True, slots=True)
class Recall:
    """Share of queries whose scene was among the first 1 and the first 5 hits."""

    questions: int
    at_1: float
    at_5: float


@dataclass(frozen=True, slots=True)
class MomentsReport:
    """One run; the names of the fields are the keys of `--json`.

    `captions` excludes captions that are also spoken, so that only the images can match.
    """

    seconds_of_video: float
    seconds_to_ingest: float
    seconds_a_search: float
    captions: Recall
    spoken: Recall

    @property
    def times_real_time(self) -> float:
        return self.seconds_of_video / self.seconds_to_ingest

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        return [
            "| measure | value |",
            "| --- | --- |",
            f"| video | {self.seconds_of_video:.0f} s |",
            f"| ingest | {self.seconds_to_ingest:.0f} s, {self.times_real_time:.1f} times real time |",
            f"| captions ({self.captions.questions}) R@1 / R@5 | {self.captions.at_1:.1%} / {self.captions.at_5:.1%} |",
            f"| spoken sentences ({self.spoken.questions}) R@1 / R@5 | {self.spoken.at_1:.1%} / {self.spoken.at_5:.1%} |",
            f"| search, median | {self.seconds_a_search * 1e3:.0f} ms |",
        ]


def read_timeline(path: Path) -> list[Scene]:
    """Read a timeline: a JSON list of `{"start", "end", "captions": [...], "text"}`.

    Raises `InvalidInput` when the file is not of this form.
    """
    try:
        rows = json.loads(path.read_text())
        return [Scene(float(r["start"]), float(r["end"]), tuple(r["captions"]), str(r["text"])) for r in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{path} is not a timeline: {error}") from error


def run(client: Client, video: Path, scenes: Sequence[Scene]) -> MomentsReport:
    """Ingest `video`, which must not be in the library, and search for every scene."""
    start = time.perf_counter()
    upload = client.add(video, wait=True)
    elapsed = time.perf_counter() - start
    if not upload.created:
        raise InvalidInput(f"{video.name} is already in the library; its ingest cannot be timed.")
    durations: list[float] = []

    def find_rank(query: str, scene: Scene) -> int | None:
        begin = time.perf_counter()
        response = client.search(text=query, k=TOP, filters=Filters(items=[upload.item.id]), floor=0.0)
        durations.append(time.perf_counter() - begin)
        return rank_of_first_overlap(response.hits, scene)

    captions = [find_rank(text, scene) for scene in scenes for text in scene.captions if not has_same_words(text, scene.spoken)]
    spoken = [find_rank(scene.spoken, scene) for scene in scenes if scene.spoken]
    duration = client.item(upload.item.id).duration
    return MomentsReport(duration, elapsed, median(durations), compute_recall(captions), compute_recall(spoken))


def rank_of_first_overlap(hits: Iterable[Hit], scene: Scene) -> int | None:
    """Rank, from 0, of the first hit whose best range overlaps the scene; `None` without one.

    The overlap must exceed half of the shorter of both ranges.
    """
    for rank, hit in enumerate(hits):
        shared = min(hit.best_end, scene.end) - max(hit.best_start, scene.start)
        if shared > 0.5 * min(hit.best_end - hit.best_start, scene.end - scene.start):
            return rank
    return None


def compute_recall(ranks: Sequence[int | None]) -> Recall:
    """Recall at 1 and at 5 of a list of ranks."""

    def at(k: int) -> float:
        return sum(rank is not None and rank < k for rank in ranks) / max(len(ranks), 1)

    return Recall(len(ranks), at(1), at(TOP))


def has_same_words(a: str, b: str) -> bool:
    """Whether two sentences are equal up to case, spacing and punctuation."""
    return "".join(filter(str.isalnum, a.lower())) == "".join(filter(str.isalnum, b.lower()))
