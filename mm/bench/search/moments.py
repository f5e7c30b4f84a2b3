"""Does search find the right moment of a long video, and how fast is the video taken in?

The truth is a timeline: scenes with start and end, captions of what is seen, and the sentence that
is said. A question is answered when one of the first five hits overlaps its scene.
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
    """One stretch of the video whose content is known. Times in seconds."""

    start: float
    end: float
    captions: tuple[str, ...]
    spoken: str


@dataclass(frozen=True, slots=True)
class Recall:
    """Share of questions whose scene was among the first 1 and the first 5 hits."""

    questions: int
    at_1: float
    at_5: float


@dataclass(frozen=True, slots=True)
class MomentsReport:
    """What one run saw. `captions` leaves out the caption that is also spoken, so that only the
    picture can answer it."""

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
        raise InvalidInput(f"{path} is no timeline: {error}") from error


def run(client: Client, video: Path, scenes: Sequence[Scene]) -> MomentsReport:
    """Ingest `video`, ask for every scene, and report. The video must not be in the library yet."""
    start = time.perf_counter()
    upload = client.add(video, wait=True)
    elapsed = time.perf_counter() - start
    if not upload.created:
        raise InvalidInput(f"{video.name} is in the library already; its ingest cannot be timed.")
    asked: list[float] = []

    def rank(question: str, scene: Scene) -> int | None:
        begin = time.perf_counter()
        answer = client.search(text=question, k=TOP, filters=Filters(items=[upload.item.id]), floor=0.0)
        asked.append(time.perf_counter() - begin)
        return first_overlap(answer.hits, scene)

    captions = [rank(text, scene) for scene in scenes for text in scene.captions if not same_words(text, scene.spoken)]
    spoken = [rank(scene.spoken, scene) for scene in scenes if scene.spoken]
    duration = client.item(upload.item.id).duration
    return MomentsReport(duration, elapsed, median(asked), recall(captions), recall(spoken))


def first_overlap(hits: Iterable[Hit], scene: Scene) -> int | None:
    """Rank, from 0, of the first hit whose best part lies in the scene by more than half; `None`
    when none does."""
    for rank, hit in enumerate(hits):
        shared = min(hit.best_end, scene.end) - max(hit.best_start, scene.start)
        if shared > 0.5 * min(hit.best_end - hit.best_start, scene.end - scene.start):
            return rank
    return None


def recall(ranks: Sequence[int | None]) -> Recall:
    """Recall at 1 and at 5 of a list of ranks."""

    def at(k: int) -> float:
        return sum(rank is not None and rank < k for rank in ranks) / max(len(ranks), 1)

    return Recall(len(ranks), at(1), at(TOP))


def same_words(a: str, b: str) -> bool:
    """Whether two sentences differ in case, spacing and punctuation at most."""
    return "".join(filter(str.isalnum, a.lower())) == "".join(filter(str.isalnum, b.lower()))
