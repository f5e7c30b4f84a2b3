"""Retrieval of files by their captions, and of captions by their files.

Protocol: Karpathy & Fei-Fei 2015 (arXiv:1412.2306). Every caption ranks all files; every file ranks
all captions, and its rank is that of the first of its own. A paragraph of a video is a caption.
Names of arrays end in their axes: N files, M captions, D dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from mm.data.sets.types import EvaluationSet
from mm.errors import InvalidInput
from mm.evaluation.features.types import Features
from mm.evaluation.runs.statistics import measure
from mm.evaluation.runs.types import Breakdown, BreakdownRow, Curve, ItemRecord, Outcome, RunMeasure
from mm.evaluation.tasks.paths import relative_path
from mm.evaluation.tasks.queries import FileVectors, gather_vectors
from mm.evaluation.tasks.types import SpaceTask, TaskInput, refuse_options
from mm.metrics.retrieval import rank_both_ways
from mm.metrics.vectors import RetrievalRanks

DEPTH = 5
"""Of mAP@k."""
CURVE_KS = (1, 2, 3, 5, 10, 20, 50, 100)


class Retrieval(SpaceTask):
    """Recall at 1, 5 and 10, median rank and mAP@5, both ways."""

    name = "retrieval"
    needs_train = False
    tokenizer = ""

    def references(self, data: EvaluationSet) -> str:
        return f"{sum(len(item.texts) for item in data.present)} captions"

    def measure(self, given: TaskInput) -> Outcome:
        """Raises `InvalidInput` for a set without captions."""
        refuse_options(self.name, given.options, ())
        require_texts(given.data)
        files = gather_vectors([item for item in given.data.present if item.texts], given.features)
        captions = [(row, text) for row, item in enumerate(files.items) for text in item.texts]
        file_M = np.array([row for row, _ in captions])
        captions_MD = given.embed_texts([text for _, text in captions], files.kind)
        of_texts, of_files = rank_both_ways(files.vectors_ND, captions_MD, file_M, DEPTH)
        noun = _noun(files, given.features)
        to_file, to_text = f"text to {noun}", f"{noun} to text"
        paths = [relative_path(item.path, given.root) for item in files.items]
        texts, found = [], []
        for number, (rank, precision, first) in enumerate(_rows(of_texts)):
            row, text = captions[number]
            item = files.items[row]
            values = {f"{to_file}, rank": rank, f"{to_file}, AP@{DEPTH}": precision}
            texts.append(
                ItemRecord(
                    id=f"{item.id}#{number - int(np.searchsorted(file_M, row))}", group=item.group, stratum=item.language,
                    values=values, path=paths[row], question=text, answer=files.items[first].id, answer_path=paths[first],
                )
            )  # fmt: skip
        for row, (rank, precision, first) in enumerate(_rows(of_files)):
            item = files.items[row]
            values = {f"{to_text}, rank": rank, f"{to_text}, AP@{DEPTH}": precision}
            found.append(
                ItemRecord(
                    id=item.id, group=item.group, stratum=item.language, values=values, path=paths[row],
                    expected=" / ".join(item.texts), answer=captions[first][1],
                )
            )  # fmt: skip
        items = [*texts, *found]
        return Outcome(
            title=f"{len(files.items):,} {noun}s and {len(captions):,} captions",
            measures=[*list_measures(to_file, items), *list_measures(to_text, items)],
            items=items,
            curves=[_recall_curve(to_file, items), _recall_curve(to_text, items)],
            breakdowns=_by_language(to_file, texts),
            failed=list(given.failed),
        )


def _rows(ranks: RetrievalRanks) -> Iterator[tuple[float, float, int]]:
    """Of each query: rank of the first relevant, average precision, index of the best."""
    return zip(ranks.first_Q.astype(float).tolist(), ranks.average_precision_Q.tolist(), ranks.best_Q.tolist(), strict=True)


def _noun(files: FileVectors, features: Mapping[str, Features]) -> str:
    if files.kind == "sound":
        return "sound"
    return "image" if all(features[item.id].duration == 0 for item in files.items) else "video"


def list_measures(way: str, items: list[ItemRecord]) -> list[RunMeasure]:
    """The measures of one way, such as `text to image`."""
    return [
        measure(f"{way}, R@1", "recall@1", f"{way}, rank", items),
        measure(f"{way}, R@5", "recall@5", f"{way}, rank", items),
        measure(f"{way}, R@10", "recall@10", f"{way}, rank", items),
        measure(f"{way}, median rank", "median", f"{way}, rank", items, is_share=False, is_higher_better=False),
        measure(f"{way}, mAP@{DEPTH}", "mean", f"{way}, AP@{DEPTH}", items),
    ]


def _recall_curve(way: str, items: list[ItemRecord]) -> Curve:
    ranks = np.array([item.values[f"{way}, rank"] for item in items if f"{way}, rank" in item.values])
    return Curve(
        name=way, x_label="k", y_label="R@k", x=[float(k) for k in CURVE_KS], y=[float((ranks <= k).mean()) for k in CURVE_KS]
    )


def _by_language(way: str, items: list[ItemRecord]) -> list[Breakdown]:
    languages = sorted({item.stratum for item in items})
    if len(languages) < 2:
        return []
    of_language = {language: [item for item in items if item.stratum == language] for language in languages}
    rows = [
        BreakdownRow(stratum=language, num_items=len(own), measure=measure(f"{way}, R@5", "recall@5", f"{way}, rank", own))
        for language, own in of_language.items()
    ]
    return [Breakdown(by="language", rows=rows)]


def require_texts(data: EvaluationSet) -> None:
    """Raise `InvalidInput` for a set without captions."""
    if not any(item.texts for item in data.present):
        raise InvalidInput(f"{data.name} has no captions in the split '{data.split}': retrieval needs them.")
