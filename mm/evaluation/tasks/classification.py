"""Zero-shot classification of images, sounds and videos by the names of their classes.

Each class is a text; a file belongs to the class whose text vector is nearest. Names of arrays end
in their axes: N files, C classes, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mm.data.sets.types import EvaluationSet
from mm.errors import InvalidInput
from mm.evaluation.runs.statistics import group_indexes, measure
from mm.evaluation.runs.types import Breakdown, BreakdownRow, ItemRecord, Outcome
from mm.evaluation.tasks.confidence import NOTE, keep_evidence, measure_calibration, measure_map
from mm.evaluation.tasks.paths import relative_path
from mm.evaluation.tasks.queries import gather_vectors
from mm.evaluation.tasks.types import SpaceTask, TaskInput, refuse_options
from mm.metrics.ranking import first_ranks

PROMPTS = {"picture": "a photo of {}.", "sound": "{}"}
TOP = 5


class Classification(SpaceTask):
    """Top-1 and top-5 accuracy, mAP and calibration error by class names; top-1 of each class."""

    name = "classification"
    needs_train = False
    tokenizer = ""

    def references(self, data: EvaluationSet) -> str:
        return f"{len(list_labels(data))} classes"

    def measure(self, given: TaskInput) -> Outcome:
        """Measure with the option `prompt`, a text with {} for the class.

        Raises `InvalidInput` for a set without two classes.
        """
        refuse_options(self.name, given.options, ("prompt",))
        labels = list_labels(given.data)
        if len(labels) < 2:
            raise InvalidInput(f"{given.data.name} has {len(labels)} classes; classification needs two or more.")
        files = gather_vectors([item for item in given.data.present if item.labels], given.features)
        prompt = given.options.get("prompt", PROMPTS[files.kind])
        if "{}" not in prompt:
            raise InvalidInput(f"The prompt {prompt!r} has no {{}} for the name of the class.")
        texts_CD = given.embed_texts([prompt.replace("{}", label) for label in labels], files.kind)
        scores_NC = files.vectors_ND @ texts_CD.T
        of_label = {label: number for number, label in enumerate(labels)}
        relevant_NC = np.zeros(scores_NC.shape, bool)
        for row, item in enumerate(files.items):
            relevant_NC[row, [of_label[label] for label in item.labels]] = True
        evidence = keep_evidence(scores_NC, relevant_NC, interpolated=False, has_calibration=True)
        ranks = first_ranks(scores_NC, relevant_NC)
        items = [
            ItemRecord(
                id=item.id, group=item.group, stratum=item.labels[0], path=relative_path(item.path, given.root),
                values={"rank": float(rank)}, evidence=own, expected=", ".join(item.labels), answer=labels[first],
            )
            for item, rank, own, first in zip(files.items, ranks, evidence, scores_NC.argmax(1), strict=True)
        ]  # fmt: skip
        measures = [measure("top-1 accuracy", "recall@1", "rank", items)]
        if len(labels) > TOP:
            measures.append(measure(f"top-{TOP} accuracy", "recall@5", "rank", items))
        groups_N = group_indexes(items)
        measures.append(measure_map(scores_NC, relevant_NC, groups_N, interpolated=False))
        measures.append(measure_calibration(scores_NC, relevant_NC, groups_N))
        return Outcome(
            title=f"{len(items):,} files, {len(labels)} classes by name, random {1 / len(labels):.1%}",
            measures=measures,
            items=items,
            breakdowns=[_by_class(items)],
            failed=list(given.failed),
            notes=[f"Prompt: '{prompt}'.", NOTE],
            classes=labels,
        )


def list_labels(data: EvaluationSet) -> list[str]:
    """Classes of a set: those that it lists, or else those of its items."""
    return list(data.labels) or sorted({label for item in data.items for label in item.labels})


def _by_class(items: Sequence[ItemRecord]) -> Breakdown:
    of_class: dict[str, list[ItemRecord]] = {}
    for item in items:
        of_class.setdefault(item.stratum, []).append(item)
    return Breakdown(
        by="class",
        rows=[
            BreakdownRow(stratum=label, num_items=len(own), measure=measure("top-1 accuracy", "recall@1", "rank", own))
            for label, own in sorted(of_class.items())
        ],
    )
