"""SODA_c with a similarity to choose, for captions with times (Fujita et al. 2020,
doi:10.1007/978-3-030-58539-6_31).

Predicted and reference events, both in order of time, are matched one to one without crossing, so
that the sum of IoU times similarity is largest; precision divides it by the number of predicted
events, recall by that of references, and the score is their F1. With several sets of references a
video has the best of its scores, as in version 1.1 of the authors' code. The authors use METEOR,
which needs Java. `CiderSimilarity` is CIDEr-D divided by 10: the score must be named 'SODA_c with
CIDEr-D' and is not comparable with SODA_c. Names of arrays end in their axes: P predicted and R
reference events, 2 start and end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.metrics.bootstrap import bootstrap
from mm.metrics.language.cider import CiderD, DocumentFrequencies
from mm.metrics.language.ngrams import Tokens
from mm.metrics.report import Measure
from mm.metrics.spans import iou

Float = npt.NDArray[np.float64]

Similarity = Callable[[Sequence[Tokens], Sequence[Tokens]], Float]
"""Similarities (P, R), from 0 to 1, of predicted and reference captions."""


@dataclass(frozen=True, slots=True)
class Event:
    """A caption of a span of time, in seconds."""

    start: float
    end: float
    caption: Tokens


@dataclass(frozen=True, slots=True)
class CiderSimilarity:
    """CIDEr-D divided by 10, with document frequencies of a larger set of captions.

    The captions of one video are too few: words that all of them have would weigh nothing.
    """

    frequencies: DocumentFrequencies

    def __call__(self, predicted: Sequence[Tokens], references: Sequence[Tokens]) -> Float:
        scorer = CiderD([[tokens] for tokens in references], self.frequencies)
        return np.array([[scorer.score_one(column, tokens) / 10 for column in range(len(scorer))] for tokens in predicted])


def soda_c(
    predicted: Sequence[Sequence[Event]], references: Sequence[Sequence[Sequence[Event]]], similarity: Similarity
) -> Float:
    """F1 of each video (V,); the score of the set is the mean.

    `references` has one or more sets of events for each video. A video without predicted events
    scores 0. Raises `InvalidInput` for lengths that differ, a video without references, and an
    event that does not end after its start.
    """
    if len(predicted) != len(references) or not predicted:
        raise InvalidInput(f"{len(predicted)} videos cannot be compared with references of {len(references)}.")
    if not all(sets and all(sets) for sets in references):
        raise InvalidInput("A video has no reference events.")
    return np.array(
        [max(_f1(events, several, similarity) for several in sets) for events, sets in zip(predicted, references, strict=True)]
    )


def measure_soda_c(
    predicted: Sequence[Sequence[Event]],
    references: Sequence[Sequence[Sequence[Event]]],
    frequencies: DocumentFrequencies,
    groups: npt.NDArray[np.integer] | None = None,
) -> Measure:
    """Mean SODA_c with CIDEr-D; the bootstrap samples videos, or whole `groups` of them.

    Raises as `soda_c`.
    """
    values = soda_c(predicted, references, CiderSimilarity(frequencies))
    return Measure("SODA_c with CIDEr-D", bootstrap(values, groups))


def match_in_order(values_PR: Float) -> float:
    """Largest sum of values that are not negative over one-to-one matches that do not cross."""
    best_R = np.zeros(values_PR.shape[1] + 1)
    for values_R in values_PR:
        best_R[1:] = np.maximum(best_R[1:], best_R[:-1] + values_R)
        best_R = np.maximum.accumulate(best_R)
    return float(best_R[-1])


def _f1(predicted: Sequence[Event], references: Sequence[Event], similarity: Similarity) -> float:
    if not predicted:
        return 0.0
    ours, theirs = (sorted(events, key=lambda event: (event.start, event.end)) for events in (predicted, references))
    values_PR = similarity([event.caption for event in ours], [event.caption for event in theirs])
    total = match_in_order(iou(_spans(ours), _spans(theirs)) * values_PR)
    # 2 P R / (P + R) with P = total / predicted and R = total / references
    return 2 * total / (len(ours) + len(theirs))


def _spans(events: Sequence[Event]) -> Float:
    return np.array([(event.start, event.end) for event in events], np.float64)
