"""`mm bench eval`: all parts, or some of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mm.bench.evaluation.encoding import EncodingRates, list_lines, measure_encoding
from mm.bench.evaluation.hours import HoursReport, measure_hours
from mm.bench.evaluation.resume import ResumeReport, measure_resume
from mm.bench.evaluation.similarity import SimilarityTiming, list_similarity_lines, measure_similarity
from mm.evaluation.space_weights import list_space_weights
from mm.media import MediaReader
from mm.spaces import load_space

if TYPE_CHECKING:
    from mm.settings import Settings

PARTS = ("encoding", "similarity", "hours", "resume")
SMALL_SIMILARITY, LARGE_SIMILARITY = (1_000, 5_000), (30_000, 150_000)
"""Images and captions."""


@dataclass(frozen=True, slots=True)
class EvaluationSizes:
    """How much each part measures; the defaults end within about two minutes on two cores."""

    num_photos: int = 48
    num_clips: int = 4
    num_rounds: int = 3
    is_large: bool = False
    """Whether the similarity of `LARGE_SIMILARITY` is measured, too."""
    num_videos: tuple[int, ...] = (8, 16, 32)
    minutes: float = 1.0
    """Of the longest simulated video."""
    side: int = 224
    num_slices: int = 4
    num_kills: int = 2


@dataclass
class EvaluationReport:
    """What was measured; parts that were left out are empty."""

    encoding: list[EncodingRates] = field(default_factory=list)
    similarity: list[SimilarityTiming] = field(default_factory=list)
    hours: HoursReport | None = None
    resume: ResumeReport | None = None

    def lines(self) -> list[str]:
        """Tables, one after the other."""
        parts = [
            list_lines(self.encoding) if self.encoding else [],
            list_similarity_lines(self.similarity) if self.similarity else [],
            self.hours.lines() if self.hours else [],
            self.resume.lines() if self.resume else [],
        ]
        return [line for number, part in enumerate(filter(None, parts)) for line in ([""] if number else []) + part]


def measure_evaluation(
    parts: Sequence[str], sizes: EvaluationSizes, settings: Settings, on_progress: Callable[[str], None] = lambda line: None
) -> EvaluationReport:
    """Measure the named parts. Raises as the functions of the parts."""
    report = EvaluationReport()
    if "similarity" in parts:  # first: its memory is that of this process
        of_similarity = [SMALL_SIMILARITY, *([LARGE_SIMILARITY] if sizes.is_large else [])]
        report.similarity = [measure_similarity(*size) for size in of_similarity]
    if {"encoding", "hours"} & set(parts):
        space = load_space(settings.space, settings)
        with MediaReader.from_settings(settings) as reader:
            if "encoding" in parts:
                report.encoding = measure_encoding(sizes.num_photos, sizes.num_clips, sizes.num_rounds, space, reader, settings)
            if "hours" in parts:
                weights = list_space_weights(settings.space)
                report.hours = measure_hours(
                    sizes.num_videos, sizes.minutes, sizes.side, space, weights, reader, settings, on_progress
                )
    if "resume" in parts:
        report.resume = measure_resume(sizes.num_slices, sizes.num_kills, settings)
    return report
