"""Rankings of classes that items keep, so that mean average precision of two runs can be compared.

A file of a classification keeps its rank for each class, and the numbers of its classes. A video
of a detection keeps its true spans by class, and of each predicted span the rank among all those of
the class, with the thresholds at which it is right. Names of arrays end in their axes: Q items, C
classes, P predictions, T thresholds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from mm.evaluation.runs.types import ItemRecord, Statistic
from mm.metrics.detections import THRESHOLDS, Spans, match_spans
from mm.metrics.paired import Paired
from mm.metrics.paired_precision import RankedClass, Ranking, compare_average_precision
from mm.numerics import Float64

CLASSES, SPANS, WHOLE_SPANS = "ranks by class", "ranked spans", "ranked spans of whole videos"
"""Keys of `ItemRecord.evidence`."""
MAX_RANKS = 4_000_000
"""Ranks that the files of a run keep, at most; a run with more keeps none."""
SPAN_STATISTICS: Final[tuple[tuple[Statistic, int], ...]] = (
    ("span-map-0.5", 0), ("span-map-0.75", 5), ("span-map-0.95", 9), ("span-map", len(THRESHOLDS)),
)  # fmt: skip
"""With the place of their measure in `detection_map`: one threshold, or the mean of all."""
_KEYS: dict[Statistic, str] = {
    "class-map": CLASSES, "class-map-interpolated": CLASSES, **{name: SPANS for name, _ in SPAN_STATISTICS},
}  # fmt: skip
Pairs = Sequence[tuple[ItemRecord, ItemRecord]]
Bools = npt.NDArray[np.bool_]


def ranking_key(statistic: Statistic) -> str:
    """The usual key of the evidence of a statistic of rankings; empty for other statistics."""
    return _KEYS.get(statistic, "")


def rank_classes(scores_QC: npt.NDArray[np.floating], relevant_QC: Bools, *, interpolated: bool) -> list[list[list[float]]]:
    """Of each file its ranks (C,), the best is 1, and the numbers of its classes.

    Equal scores share the lowest of their ranks, or with `interpolated` rank in the order of the
    files, as in `classification_map`. Empty rows for more than `MAX_RANKS`.
    """
    num_files = len(scores_QC)
    if scores_QC.size > MAX_RANKS:
        return [[] for _ in range(num_files)]
    rank_QC = np.empty(scores_QC.shape)
    for column, score_Q in enumerate(scores_QC.T):
        if interpolated:
            rank_QC[np.argsort(-score_Q, kind="stable"), column] = np.arange(1, num_files + 1)
        else:
            rank_QC[:, column] = num_files - np.searchsorted(np.sort(score_Q), score_Q, "left")
    return [
        [rank_C.tolist(), [float(label) for label in np.flatnonzero(own_C)]]
        for rank_C, own_C in zip(rank_QC, relevant_QC, strict=True)
    ]


def rank_spans(predicted: Sequence[Spans], true: Sequence[Spans]) -> list[list[list[float]]]:
    """Of each video a row of true spans, `class, count, ...`, and a row for each predicted class.

    That row is the class, then `rank, thresholds` of each span. The thresholds at which it is right
    are the bits of a number. Equal scores rank in the order of the videos, as in `detection_map`.
    """
    video_P = np.repeat(np.arange(len(predicted)), [len(spans.spans_N2) for spans in predicted])
    class_P = np.concatenate([spans.classes_N for spans in predicted])
    hits_PT = np.concatenate([match_spans(*both) for both in zip(predicted, true, strict=True)])
    bits_P = hits_PT @ (1 << np.arange(hits_PT.shape[1]))
    order_P = np.argsort(-np.concatenate([spans.scores_N for spans in predicted]), kind="stable")
    rows: list[list[list[float]]] = []
    for spans in true:
        labels, counts = np.unique(spans.classes_N, return_counts=True)
        rows.append([np.stack([labels, counts], axis=1).ravel().tolist()])
    for label in np.unique(np.concatenate([spans.classes_N for spans in true])):
        own_P = order_P[class_P[order_P] == label]
        ranked = np.stack([video_P[own_P], np.arange(1, len(own_P) + 1), bits_P[own_P]], axis=1)
        for video in np.unique(ranked[:, 0]):
            rows[video].append([int(label), *ranked[ranked[:, 0] == video, 1:].ravel().tolist()])
    return rows


def compare_rankings(statistic: Statistic, key: str, pairs: Pairs, groups_Q: npt.NDArray[np.integer]) -> Paired:
    """Compare the mean average precision of two runs. Raises as `compare_average_precision`."""
    if key == CLASSES:
        classes = _read_classes(pairs)
        return compare_average_precision(classes, groups_Q, interpolated=statistic == "class-map-interpolated")
    threshold = dict(SPAN_STATISTICS)[statistic]
    chosen_T = np.arange(len(THRESHOLDS)) if threshold == len(THRESHOLDS) else np.array([threshold])
    return compare_average_precision(_read_spans(key, pairs, chosen_T), groups_Q, interpolated=True)


def _read_classes(pairs: Pairs) -> Iterator[RankedClass]:
    sides = [[side.evidence[CLASSES] for side in sides] for sides in zip(*pairs, strict=True)]
    ranks = [np.array([ranks for ranks, _ in side]) for side in sides]
    for label in range(ranks[0].shape[1]):
        is_of_Q = np.array([label in own for _, own in sides[0]])  # labels of one set and split
        first, second = (Ranking(to_places(rank_QC[:, label]), np.arange(len(pairs)), is_of_Q[:, None]) for rank_QC in ranks)
        yield RankedClass(first, second, is_of_Q.astype(np.int64))


def _read_spans(key: str, pairs: Pairs, chosen_T: npt.NDArray[np.int64]) -> Iterator[RankedClass]:
    num_true = [np.array(first.evidence[key][0]).reshape(-1, 2) for first, _ in pairs]
    by_class = [_collect_spans([side.evidence[key][1:] for side in sides]) for sides in zip(*pairs, strict=True)]
    for label in np.unique(np.concatenate([own[:, 0] for own in num_true])):
        first, second = (_make_ranking(spans.get(int(label), []), chosen_T) for spans in by_class)
        yield RankedClass(first, second, np.array([int(own[own[:, 0] == label, 1].sum()) for own in num_true]))


def _collect_spans(rows_of_items: Sequence[Sequence[Sequence[float]]]) -> dict[int, list[tuple[int, float, float]]]:
    """Item, rank and thresholds of each predicted span, by class."""
    spans: dict[int, list[tuple[int, float, float]]] = {}
    for item, rows in enumerate(rows_of_items):
        for label, *ranked in rows:
            own = spans.setdefault(int(label), [])
            own += [(item, *both) for both in zip(ranked[::2], ranked[1::2], strict=True)]
    return spans


def _make_ranking(spans: Sequence[tuple[int, float, float]], chosen_T: npt.NDArray[np.int64]) -> Ranking:
    rows_P3 = np.array(spans, np.float64).reshape(-1, 3)
    is_right_PT = (rows_P3[:, 2].astype(np.int64)[:, None] >> chosen_T) & 1 > 0
    return Ranking(to_places(rows_P3[:, 1]), rows_P3[:, 0].astype(np.int64), is_right_PT)


def to_places(rank_P: npt.NDArray[np.number]) -> Float64:
    """Share (P,) of these predictions that rank as high or higher."""
    place_P: Float64 = np.searchsorted(np.sort(rank_P), rank_P, "right") / max(len(rank_P), 1)
    return place_P
