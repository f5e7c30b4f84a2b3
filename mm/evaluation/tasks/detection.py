"""Temporal activity detection: spans with a class and a score (ActivityNet challenge, mAP at an
intersection over union of 0.5 to 0.95), and the recall of the spans without their classes.

Spans are scenes and unions of neighbours, and the whole video. Each gets the best classes of the
video by name, with the softmax of the cosines of the span times that of the video. The baseline is
the whole video with the best class. Names of arrays end in their axes: N spans, C classes.
"""

from __future__ import annotations

import numpy as np

from mm.data.sets.types import EvaluationSet, SetItem
from mm.errors import InvalidInput
from mm.evaluation.features.types import Features
from mm.evaluation.runs.rankings import SPAN_STATISTICS, SPANS, WHOLE_SPANS, rank_spans
from mm.evaluation.runs.statistics import group_indexes
from mm.evaluation.runs.sums import PROPOSALS
from mm.evaluation.runs.types import Curve, ItemRecord, Outcome, RunMeasure, Statistic
from mm.evaluation.tasks.confidence import softmax
from mm.evaluation.tasks.notes import list_notes
from mm.evaluation.tasks.paths import relative_path
from mm.evaluation.tasks.recognition import embed_classes, score_classes
from mm.evaluation.tasks.scenes import inside, list_scenes, merge_neighbours
from mm.evaluation.tasks.types import SpaceTask, TaskInput, refuse_options
from mm.metrics.bootstrap import Interval
from mm.metrics.detections import THRESHOLDS, Spans, detection_map, match_spans
from mm.metrics.proposals import MAX_NUMBER, ProposalRecall, measure_proposals
from mm.numerics import Float32, mean_direction

NUM_CLASSES = 3
"""Classes that each span gets."""
MAX_MERGED = 4
"""Neighbouring scenes that are merged, at most."""
MAX_SPANS = 100
"""Of a video, as the challenge allows."""
REPORTED = {0: "0.5", 5: "0.75", 9: "0.95", 10: "0.5:0.95"}
"""Of the thresholds and their mean."""
REACHED = "segments reached at 0.5"
"""Value of a video: share of its segments."""


class Detection(SpaceTask):
    """mAP at an IoU of 0.5, 0.75, 0.95 and over 0.5 to 0.95; recall of up to 100 spans."""

    name = "detection"
    needs_train = False
    tokenizer = ""

    def references(self, data: EvaluationSet) -> str:
        return f"{sum(bool(moment.label) for item in data.present for moment in item.moments)} segments"

    def measure(self, given: TaskInput) -> Outcome:
        """Raises `InvalidInput` for a split without segments of classes."""
        refuse_options(self.name, given.options, ())
        videos = [
            item
            for item in given.data.present
            if item.labels and item.id in given.features and "picture" in given.features[item.id].vectors
        ]
        if not videos:
            raise InvalidInput(f"{given.data.name} has no segments of classes in '{given.data.split}': detection needs them.")
        names_CD = embed_classes(given)
        true, predicted, whole = [], [], []
        for item in videos:
            features = given.features[item.id]
            true.append(_true_spans(item, given.data.labels))
            predicted.append(_predict(given, features, names_CD))
            best = int(score_classes(names_CD, features, "mean").argmax())
            score = float(softmax(score_classes(names_CD, features, "mean"))[best])
            whole.append(Spans(np.array([[0.0, features.duration]]), np.array([best]), np.array([score])))
        groups_N = group_indexes(videos)
        proposals = measure_proposals([_drop_classes(spans) for spans in predicted], true, groups_N)
        evidence = [
            {SPANS: ranked, WHOLE_SPANS: ranked_whole, **({PROPOSALS: [sums.tolist()]} if sums.any() else {})}
            for ranked, ranked_whole, sums in zip(
                rank_spans(predicted, true), rank_spans(whole, true), proposals.sums_N3, strict=True
            )
        ]
        items = [
            ItemRecord(
                id=item.id, group=item.group, stratum=item.labels[0], path=relative_path(item.path, given.root),
                values={REACHED: _share_reached(spans, own)}, evidence=kept, expected=", ".join(item.labels),
                answer=given.data.labels[int(spans.classes_N[0])],
            )
            for item, spans, own, kept in zip(videos, predicted, true, evidence, strict=True)
        ]  # fmt: skip
        return Outcome(
            title=f"{sum(len(spans.spans_N2) for spans in true):,} segments of {len(videos):,} videos, classes by name",
            measures=[
                *_list_measures("", detection_map(predicted, true, groups_N), SPANS),
                _measure(f"AR@{MAX_NUMBER}, IoU 0.5:0.95", proposals.average_recall, "average-recall"),
                _measure(f"area under AR@1 to AR@{MAX_NUMBER}", proposals.area, "recall-area"),
                *_list_measures("whole video: ", detection_map(whole, true, groups_N), WHOLE_SPANS),
            ],
            items=items,
            curves=[_draw(proposals)],
            failed=list(given.failed),
            notes=["'whole video' is the baseline: one span with the best class.", *list_notes(given.data)],
            classes=list(given.data.labels),
        )


def _true_spans(item: SetItem, labels: tuple[str, ...]) -> Spans:
    rows = [moment for moment in item.moments if moment.label]
    return Spans(
        np.array([(moment.start, moment.end) for moment in rows]),
        np.array([labels.index(moment.label) for moment in rows]),
        np.zeros(len(rows)),
    )


def _predict(given: TaskInput, features: Features, names_CD: Float32) -> Spans:
    """Spans of a video, the best first."""
    of_video_C = softmax(score_classes(names_CD, features, "mean"))
    classes = np.argsort(-of_video_C, kind="stable")[:NUM_CLASSES]
    spans_N2 = merge_neighbours(list_scenes(given.space.temporal, features), MAX_MERGED)
    whole = np.array([[0.0, features.duration]])
    if not (spans_N2 == whole).all(1).any():
        spans_N2 = np.concatenate([spans_N2, whole])
    vectors = features.vectors["picture"]
    means_ND = np.stack([mean_direction(vectors[of_span]) for of_span in inside(spans_N2, features.spans["picture"])])
    scores_NC = softmax(means_ND @ names_CD.T)[:, classes] * of_video_C[classes]
    order = np.argsort(-scores_NC.ravel(), kind="stable")[:MAX_SPANS]
    rows, columns = np.unravel_index(order, scores_NC.shape)
    return Spans(spans_N2[rows], classes[columns], scores_NC.ravel()[order])


def _drop_classes(predicted: Spans) -> Spans:
    """Each span once, with its best class; spans are the best first."""
    _, first = np.unique(predicted.spans_N2, axis=0, return_index=True)
    rows = np.sort(first)
    return Spans(predicted.spans_N2[rows], predicted.classes_N[rows], predicted.scores_N[rows])


def _share_reached(predicted: Spans, true: Spans) -> float:
    """Share of the true segments that some prediction of the class reaches at 0.5."""
    return float(match_spans(predicted, true, THRESHOLDS[:1]).sum() / len(true.spans_N2))


def _list_measures(prefix: str, intervals: list[Interval], evidence: str) -> list[RunMeasure]:
    return [
        _measure(f"{prefix}mAP, IoU {REPORTED[place]}", intervals[place], statistic, evidence)
        for statistic, place in SPAN_STATISTICS
    ]


def _measure(name: str, interval: Interval, statistic: Statistic, evidence: str = "") -> RunMeasure:
    of = REACHED if evidence == SPANS else ""
    return RunMeasure(
        name=name, value=interval.value, low=interval.low, high=interval.high, statistic=statistic, of=of, evidence=evidence
    )


def _draw(proposals: ProposalRecall) -> Curve:
    return Curve(
        name="average recall", x_label="proposals a video", y_label="average recall, IoU 0.5:0.95",
        x=proposals.number_K.tolist(), y=proposals.recall_K.tolist(),
    )  # fmt: skip
