"""Moment localization: each sentence ranks the spans of its video (Gao et al. 2017; ActivityNet
Captions: Krishna et al. 2017).

Spans are the scenes of the video, as a hit of a search states them, ranked by their best segment.
Two baselines stand beside them: a prior of spans that reads no pixel, and the whole video.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from mm.data.sets.types import EvaluationSet, Moment, SetItem
from mm.errors import InvalidInput
from mm.evaluation.features.types import Features
from mm.evaluation.runs.statistics import measure
from mm.evaluation.runs.types import Breakdown, BreakdownRow, ItemRecord, Outcome, RunMeasure
from mm.evaluation.tasks.notes import list_notes
from mm.evaluation.tasks.paths import relative_path
from mm.evaluation.tasks.scenes import list_scenes, merge_neighbours, score_spans
from mm.evaluation.tasks.types import SpaceTask, TaskInput, parse_choice, refuse_options
from mm.metrics.spans import iou
from mm.numerics import Float64

KS, MIN_IOUS = (1, 5), (0.3, 0.5, 0.7)
PRIOR: Float64 = np.array([(0.3, 0.95), (0.0, 0.3), (0.8, 1.0), (0.15, 0.55), (0.0, 0.1)])
"""Shares of the duration: the five spans that reach the most sentences of ActivityNet's training
videos at an IoU of 0.5, chosen one after the other (`mm data statistics activitynet`)."""
SPANS = ("scenes", "segments", "merged")
OURS, PRIOR_NAME, WHOLE = "", "prior: ", "whole video: "
LENGTHS = ((0.2, "up to 20 % of the video"), (0.5, "20 to 50 %"), (1.0, "over 50 %"))


class Moments(SpaceTask):
    """R@1 and R@5 at an IoU of 0.3, 0.5 and 0.7, and mean IoU of the first."""

    name = "moments"
    needs_train = False
    tokenizer = ""

    def references(self, data: EvaluationSet) -> str:
        return f"{sum(len(list_sentences(item)) for item in data.present)} sentences with a span"

    def measure(self, given: TaskInput) -> Outcome:
        """Measure with the option `spans`: scenes (default), segments, or merged neighbours.

        Raises `InvalidInput` for another option, and for a set without sentences that have spans.
        """
        refuse_options(self.name, given.options, ("spans",))
        kind = parse_choice(given.options, "spans", SPANS)
        videos = [item for item in given.data.present if list_sentences(item) and item.id in given.features]
        if not videos:
            raise InvalidInput(f"{given.data.name} has no sentences with spans in '{given.data.split}': moments need them.")
        items = [record for item in videos for record in self._measure_video(given, item, given.features[item.id], kind)]
        if not items:
            raise InvalidInput("No video of the set has images.")
        return Outcome(
            title=f"{len(items):,} sentences about {len(videos):,} videos",
            measures=[each for prefix in (OURS, PRIOR_NAME, WHOLE) for each in _list_measures(prefix, items)],
            items=items,
            breakdowns=[_by_length(items)],
            failed=list(given.failed),
            notes=[
                f"Spans: {kind}. The rows 'prior' are five fixed shares of the duration, those 'whole video' the video itself.",
                *list_notes(given.data),
            ],
        )

    def _measure_video(self, given: TaskInput, item: SetItem, features: Features, kind: str) -> list[ItemRecord]:
        if "picture" not in features.vectors or features.duration <= 0:
            return []
        sentences = list_sentences(item)
        segments = features.spans["picture"]
        spans = _list_spans(given, features, kind)
        queries_QD = given.embed_texts([moment.text for moment in sentences], "picture")
        scores_QN = score_spans(spans, segments, queries_QD @ features.vectors["picture"].T)
        records = []
        for number, (moment, scores_N) in enumerate(zip(sentences, scores_QN, strict=True)):
            ranked = spans[np.argsort(-scores_N, kind="stable")[: max(KS)]]
            values: dict[str, float] = {}
            for prefix, proposals in (
                (OURS, ranked),
                (PRIOR_NAME, PRIOR * features.duration),
                (WHOLE, np.array([[0.0, features.duration]])),
            ):
                values |= _values(prefix, proposals, moment)
            start, end = ranked[0].tolist()
            records.append(
                ItemRecord(
                    id=f"{item.id}#{number}", group=item.group, stratum=_length(moment, features.duration), values=values,
                    path=relative_path(item.path, given.root), start=start, end=end, question=moment.text,
                    expected=f"{moment.start:.1f} to {moment.end:.1f} s", answer=f"{start:.1f} to {end:.1f} s",
                )
            )  # fmt: skip
        return records


def list_sentences(item: SetItem) -> list[Moment]:
    """Moments of an item that have a sentence."""
    return [moment for moment in item.moments if moment.text]


def _list_spans(given: TaskInput, features: Features, kind: str) -> Float64:
    if kind == "segments":
        return features.spans["picture"]
    scenes = list_scenes(given.space.temporal, features)
    return scenes if kind == "scenes" else merge_neighbours(scenes, 2)


def _values(prefix: str, proposals_N2: Float64, moment: Moment) -> dict[str, float]:
    overlap_N = iou(proposals_N2[: max(KS)], np.array([[moment.start, moment.end]]))[:, 0]
    values = {f"{prefix}mean IoU of the first": float(overlap_N[0])}
    for k in KS:
        for min_iou in MIN_IOUS:
            values[f"{prefix}R@{k}, IoU {min_iou}"] = float(overlap_N[:k].max() >= min_iou)
    return values


def _list_measures(prefix: str, items: Sequence[ItemRecord]) -> list[RunMeasure]:
    names = [name for name in items[0].values if name.startswith(prefix) and (prefix or ": " not in name)]
    return [measure(name, "mean", name, items) for name in names]


def _length(moment: Moment, duration: float) -> str:
    share = (moment.end - moment.start) / duration
    return next((name for limit, name in LENGTHS if share <= limit), LENGTHS[-1][1])


def _by_length(items: Sequence[ItemRecord]) -> Breakdown:
    return break_down(
        "length", [name for _, name in LENGTHS], items, lambda own: measure("R@1, IoU 0.5", "mean", "R@1, IoU 0.5", own)
    )


def break_down(
    by: str, strata: Sequence[str], items: Sequence[ItemRecord], compute: Callable[[Sequence[ItemRecord]], RunMeasure]
) -> Breakdown:
    """A measure of the items of each stratum that has some."""
    of_stratum: Mapping[str, list[ItemRecord]] = {name: [item for item in items if item.stratum == name] for name in strata}
    rows = [BreakdownRow(stratum=name, num_items=len(own), measure=compute(own)) for name, own in of_stratum.items() if own]
    return Breakdown(by=by, rows=rows)
