"""What the annotations alone say: durations, spans, words, and how far a prior of spans reaches.

Times of spans are shares of the duration, from 0 to 1. Names of arrays end in their axes: N spans,
P proposals, 2 start and end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mm.data.sets.types import EvaluationSet
from mm.errors import InvalidInput
from mm.metrics.language.ptb_tokenizer import tokenize
from mm.metrics.spans import iou
from mm.numerics import Float64

GRID = 20
"""Positions on which the spans of a prior begin and end."""
MIN_IOUS = (0.3, 0.5, 0.7)
NUM_PRIOR = 5
RARE = 5
"""Occurrences in train below which a word is rare."""


@dataclass(frozen=True, slots=True)
class SpanStatistics:
    """Of segments of activities, or of sentences."""

    num_videos: int
    """With such a span."""
    num_spans: int
    median_seconds: float
    mean_share: float
    """Of the duration that a span covers."""
    share_whole: float
    """Of spans that cover nine tenths of their video or more."""
    recalls: dict[str, float]
    """Share of spans that a list of proposals reaches, by `PROPOSALS, R@K, IoU`."""


@dataclass(frozen=True, slots=True)
class WordStatistics:
    """Of the sentences of a split."""

    num_sentences: int
    mean_words: float
    num_words: int
    """Different words."""
    share_outside_train: float | None
    """Of the words in the text, that no sentence of train has; None without train."""
    share_rare: float | None
    """Of the words in the text, that occur fewer than `RARE` times in train."""


Kind = Literal["label", "text"]
"""Segments of activities, or sentences."""


def relative_spans(data: EvaluationSet, kind: Kind) -> Float64:
    """Spans (N, 2) of activities (`label`) or sentences (`text`), as shares of the duration."""
    rows = [
        (moment.start / item.duration, moment.end / item.duration)
        for item in data.items
        if item.duration
        for moment in item.moments
        if getattr(moment, kind)
    ]
    return np.array(rows, np.float64).reshape(-1, 2)


def choose_prior(spans_N2: Float64, count: int = NUM_PRIOR, min_iou: float = 0.5) -> Float64:
    """The `count` spans of a grid that reach the most spans, chosen one after the other (count, 2).

    Each is the one that reaches the most spans that those before do not reach. Raises
    `InvalidInput` for no spans.
    """
    if not len(spans_N2):
        raise InvalidInput("A prior needs spans.")
    edges = np.arange(GRID + 1) / GRID
    grid = np.array([(start, end) for start in edges for end in edges if end > start])
    is_reached_PN = iou(grid, spans_N2) >= min_iou
    is_open_N = np.ones(len(spans_N2), np.bool_)
    chosen = []
    for _ in range(count):
        best = int((is_reached_PN & is_open_N).sum(1).argmax())
        chosen.append(grid[best])
        is_open_N &= ~is_reached_PN[best]
    return np.array(chosen)


def uniform_proposals(count: int) -> Float64:
    """The first `count` windows (P, 2) of 1, 1/2, 1/4, ... of the video, half overlapped."""
    rows: list[tuple[float, float]] = []
    length = 1.0
    while len(rows) < count:
        num = 1 if length == 1 else round(2 / length) - 1
        rows += [(index * length / 2, index * length / 2 + length) for index in range(num)]
        length /= 2
    return np.array(rows[:count])


def measure_spans(
    data: EvaluationSet, kind: Kind, prior_P2: Float64, num_uniform: Sequence[int] = (1, 10, 100)
) -> SpanStatistics:
    """Statistics of the spans of a split, with the recall of uniform proposals and of a prior.

    Raises `InvalidInput` for a split without such spans.
    """
    spans_N2 = relative_spans(data, kind)
    if not len(spans_N2):
        raise InvalidInput(f"The split '{data.split}' has no spans with a {kind}.")
    seconds = [moment.end - moment.start for item in data.items for moment in item.moments if getattr(moment, kind)]
    recalls = {}
    for min_iou in MIN_IOUS:
        for count in num_uniform:
            reached = iou(spans_N2, uniform_proposals(count)).max(1) >= min_iou
            recalls[f"uniform proposals, R@{count}, IoU {min_iou}"] = float(reached.mean())
        for count in (1, len(prior_P2)):
            reached = iou(spans_N2, prior_P2[:count]).max(1) >= min_iou
            recalls[f"prior, R@{count}, IoU {min_iou}"] = float(reached.mean())
    shares_N = spans_N2[:, 1] - spans_N2[:, 0]
    return SpanStatistics(
        sum(any(getattr(moment, kind) for moment in item.moments) for item in data.items),
        len(spans_N2), float(np.median(seconds)), float(shares_N.mean()), float((shares_N >= 0.9).mean()), recalls,
    )  # fmt: skip


def measure_words(data: EvaluationSet, train: EvaluationSet | None) -> WordStatistics:
    """Statistics of the words of a split, cut as for CIDEr-D.

    Raises `InvalidInput` for a split without sentences.
    """
    counts = _count_words(data)
    total = sum(counts.values())
    num_sentences = sum(bool(moment.text) for item in data.items for moment in item.moments)
    if not total:
        raise InvalidInput(f"The split '{data.split}' has no sentences.")
    known = None if train is None else _count_words(train)
    outside = None if known is None else sum(count for word, count in counts.items() if not known[word]) / total
    rare = None if known is None else sum(count for word, count in counts.items() if known[word] < RARE) / total
    return WordStatistics(num_sentences, total / num_sentences, len(counts), outside, rare)


def _count_words(data: EvaluationSet) -> Counter[str]:
    return Counter(word for item in data.items for moment in item.moments if moment.text for word in tokenize(moment.text))
