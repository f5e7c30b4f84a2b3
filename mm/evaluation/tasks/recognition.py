"""Recognition of the activity of an untrimmed video, by the names of the classes or by a head.

Zero-shot: the words of a class are compared with the mean of the frames, as `mm actions` does. The
task `trained-recognition` fits a linear head on the split train. Names of arrays end in their axes:
N videos, C classes, D dimensions, F features.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mm.data.sets.types import EvaluationSet, SetItem
from mm.errors import InvalidInput
from mm.evaluation.features.types import Features
from mm.evaluation.linear_head import fit_linear_head
from mm.evaluation.runs.statistics import group_indexes, measure
from mm.evaluation.runs.types import ItemRecord, Outcome
from mm.evaluation.tasks.confidence import NOTE, keep_evidence, measure_calibration, measure_map
from mm.evaluation.tasks.moments import break_down
from mm.evaluation.tasks.notes import list_notes
from mm.evaluation.tasks.paths import relative_path
from mm.evaluation.tasks.scenes import to_frame_sequence
from mm.evaluation.tasks.types import SpaceTask, TaskInput, parse_choice, refuse_options
from mm.models.temporal.action_head import compute_features
from mm.numerics import Float32, Float64, mean_direction
from mm.spaces.encode.actions import ACTIVITYNET, embed_action_names, read_action_names, require_temporal_tower

POOLS = ("mean", "max")
MIN_TRAIN = 2
"""Videos of a class that the head needs on train."""


class Recognition(SpaceTask):
    """Top-1, top-5, mAP and calibration error by the names of the classes."""

    name = "recognition"
    needs_train = False
    tokenizer = ""

    def references(self, data: EvaluationSet) -> str:
        return f"{len(data.labels)} classes"

    def measure(self, given: TaskInput) -> Outcome:
        """Measure with the option `pool`: mean of the frames (default), or max over segments.

        Raises `InvalidInput` for another option and for a split without classes.
        """
        refuse_options(self.name, given.options, ("pool",))
        pool = parse_choice(given.options, "pool", POOLS)
        videos = _list_videos(given, given.data)
        names_CD = embed_classes(given)
        scores_NC = np.stack([score_classes(names_CD, given.features[item.id], pool) for item in videos])
        return _outcome(given, videos, scores_NC, f"by name, pool {pool}", is_by_name=True)


class TrainedRecognition(SpaceTask):
    """Top-1, top-5 and mAP of a linear head that is fitted on train."""

    name = "trained-recognition"
    needs_train = True
    tokenizer = ""

    def references(self, data: EvaluationSet) -> str:
        return f"{len(data.labels)} classes"

    def measure(self, given: TaskInput) -> Outcome:
        """Raises `InvalidInput` for train without two classes of two videos, `Unavailable` for a
        space without a temporal network."""
        refuse_options(self.name, given.options, ())
        if given.train is None:
            raise InvalidInput("A head needs the split train.")
        train, videos = _list_videos(given, given.train), _list_videos(given, given.data)
        counts = {label: sum(item.labels[0] == label for item in train) for label in given.data.labels}
        labels = [label for label, count in counts.items() if count >= MIN_TRAIN]
        train = [item for item in train if item.labels[0] in labels]
        if len(labels) < 2:
            raise InvalidInput(
                f"{given.data.name} has {len(labels)} classes of {MIN_TRAIN} videos or more in train; a head needs two."
            )
        rows_NF = _compute_features(given, train)
        head = fit_linear_head(rows_NF, [labels.index(item.labels[0]) for item in train], [item.group for item in train])
        scores_NC = np.full((len(videos), len(given.data.labels)), -np.inf)
        columns = [given.data.labels.index(label) for label in labels]
        scores_NC[:, columns] = head.score(_compute_features(given, videos))
        scores_NC[~np.isfinite(scores_NC)] = np.min(scores_NC[:, columns]) - 1.0  # classes that train lacks
        outcome = _outcome(given, videos, scores_NC, f"by a linear head of {len(train):,} videos of train", is_by_name=False)
        note = f"The head has {len(labels)} classes; the ridge penalty {head.ridge:g} was chosen by cross-validation on train."
        return outcome.model_copy(update={"notes": [note, *outcome.notes]})


def score_classes(names_CD: Float32, features: Features, pool: str) -> Float32:
    """Cosines (C,) of the names of classes with the frames of a video."""
    if pool == "max":
        best_C: Float32 = (names_CD @ features.vectors["picture"].T).max(1)
        return best_C
    frames = features.vectors["picture"] if features.frame_vectors is None else features.frame_vectors
    mean_C: Float32 = names_CD @ mean_direction(frames)
    return mean_C


def embed_classes(given: TaskInput) -> Float32:
    """Vectors (C, D) of the classes of the set, by the words that `mm actions` compares."""
    known = read_action_names(ACTIVITYNET)
    return embed_action_names(given.space, [known.get(label, label.lower()) for label in given.data.labels])


def _list_videos(given: TaskInput, data: EvaluationSet) -> list[SetItem]:
    videos = [
        item
        for item in data.present
        if item.labels and item.id in given.features and "picture" in given.features[item.id].vectors
    ]
    if not videos:
        raise InvalidInput(f"{data.name} has no class of a readable video in the split '{data.split}': recognition needs it.")
    return videos


def _compute_features(given: TaskInput, videos: Sequence[SetItem]) -> Float64:
    tower = require_temporal_tower(given.space)
    rows = []
    for item in videos:
        frames = to_frame_sequence(given.features[item.id])
        if frames is None:
            raise InvalidInput(f"{item.id} has no frames, or too many for the temporal network.")
        rows.append(compute_features(tower, frames))
    return np.stack(rows).astype(np.float64)


def _outcome(
    given: TaskInput, videos: Sequence[SetItem], scores_NC: npt.NDArray[np.floating], how: str, *, is_by_name: bool
) -> Outcome:
    labels = given.data.labels
    relevant_NC = np.array([[label in item.labels for label in labels] for item in videos])
    best_N = np.where(relevant_NC, scores_NC, -np.inf).max(1)
    rank_N = 1 + ((scores_NC >= best_N[:, None]) & ~relevant_NC).sum(1)
    first_N = scores_NC.argmax(1)
    evidence = keep_evidence(scores_NC, relevant_NC, interpolated=True, has_calibration=is_by_name)
    items = [
        ItemRecord(
            id=item.id, group=item.group, stratum=item.labels[0], path=relative_path(item.path, given.root),
            values={"rank": float(rank)}, evidence=own, expected=", ".join(item.labels), answer=labels[first],
        )
        for item, rank, own, first in zip(videos, rank_N, evidence, first_N, strict=True)
    ]  # fmt: skip
    groups_N = group_indexes(items)
    present = sorted({item.stratum for item in items})
    return Outcome(
        title=f"{len(items):,} videos, {len(labels)} classes {how}",
        measures=[
            measure("top-1", "recall@1", "rank", items),
            measure("top-5", "recall@5", "rank", items),
            measure_map(scores_NC, relevant_NC, groups_N, interpolated=True),
            *([measure_calibration(scores_NC, relevant_NC, groups_N)] if is_by_name else []),
        ],
        items=items,
        breakdowns=[break_down("class", present, items, lambda own: measure("top-1", "recall@1", "rank", own))],
        failed=list(given.failed),
        notes=[_describe_baseline(videos, labels), *([NOTE] if is_by_name else []), *list_notes(given.data)],
        classes=list(labels),
    )


def _describe_baseline(videos: Sequence[SetItem], labels: Sequence[str]) -> str:
    counts = np.bincount([labels.index(item.labels[0]) for item in videos])
    return (
        f"Baselines: the most frequent class is right on {counts.max() / len(videos):.1%}, a random one on {1 / len(labels):.1%}."
    )
