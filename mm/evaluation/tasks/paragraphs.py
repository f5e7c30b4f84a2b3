"""Paragraph-to-video and video-to-paragraph retrieval (Zhang et al. 2018, arXiv:1804.07059).

A paragraph is the sentences of a video in order. With `sentences`, each sentence is compared with
the segments of a video by a softmax over them, and the mean over the sentences is the score; with
`mean` and `scenes` a video has one vector, which an index can search. Names of arrays end in their
axes: N videos and as many paragraphs, S segments, Q sentences, D dimensions.
"""

from __future__ import annotations

import numpy as np

from mm.data.sets.types import EvaluationSet, SetItem
from mm.errors import InvalidInput
from mm.evaluation.runs.types import ItemRecord, Outcome
from mm.evaluation.tasks.moments import list_sentences
from mm.evaluation.tasks.notes import list_notes
from mm.evaluation.tasks.paths import relative_path
from mm.evaluation.tasks.retrieval import DEPTH, list_measures
from mm.evaluation.tasks.scenes import inside, list_scenes
from mm.evaluation.tasks.types import SpaceTask, TaskInput, parse_choice, refuse_options
from mm.metrics.ranking import average_precision_at, first_ranks, one_hot_relevance
from mm.numerics import Float32, mean_direction

POOLS = ("sentences", "scenes", "mean")
TEMPERATURE = 10.0
"""Factor of the cosines in the softmax over segments; the better of 10 and 30 on the training
videos of a simulated set."""
TO_VIDEO, TO_TEXT = "paragraph to video", "video to paragraph"


class Paragraphs(SpaceTask):
    """Recall at 1, 5 and 10, median rank and mAP@5, both ways."""

    name = "paragraphs"
    needs_train = False
    tokenizer = ""

    def references(self, data: EvaluationSet) -> str:
        return f"{sum(bool(list_sentences(item)) for item in data.present)} paragraphs"

    def measure(self, given: TaskInput) -> Outcome:
        """Measure with the option `pool`: sentences (default), scenes or mean.

        Raises `InvalidInput` for another option and for a set without sentences.
        """
        refuse_options(self.name, given.options, ("pool",))
        pool = parse_choice(given.options, "pool", POOLS)
        videos = [
            item
            for item in given.data.present
            if list_sentences(item) and item.id in given.features and "picture" in given.features[item.id].vectors
        ]
        if not videos:
            raise InvalidInput(f"{given.data.name} has no described video in '{given.data.split}': paragraphs need them.")
        scores_NN = _score(given, videos, pool)
        relevant_NN = one_hot_relevance(np.arange(len(videos)), len(videos))
        items: list[ItemRecord] = []
        for way, scores, is_text in ((TO_VIDEO, scores_NN, True), (TO_TEXT, scores_NN.T, False)):
            ranks, precisions = first_ranks(scores, relevant_NN), average_precision_at(scores, relevant_NN, DEPTH)
            for item, rank, precision, best in zip(videos, ranks, precisions, scores.argmax(1), strict=True):
                paths = [relative_path(each.path, given.root) for each in (item, videos[best])]
                items.append(
                    ItemRecord(
                        id=f"{item.id}#paragraph" if is_text else item.id, group=item.group,
                        values={f"{way}, rank": float(rank), f"{way}, AP@{DEPTH}": float(precision)}, path=paths[0],
                        question=item.texts[0] if is_text else "", expected="" if is_text else item.texts[0],
                        answer=videos[best].id if is_text else videos[best].texts[0], answer_path=paths[1] if is_text else "",
                    )
                )  # fmt: skip
        return Outcome(
            title=f"{len(videos):,} videos and as many paragraphs, {pool}",
            measures=[*list_measures(TO_VIDEO, items), *list_measures(TO_TEXT, items)],
            items=items,
            failed=list(given.failed),
            notes=[f"R@1 of a random order: {1 / len(videos):.1%}.", *list_notes(given.data)],
        )


def _score(given: TaskInput, videos: list[SetItem], pool: str) -> Float32:
    """Scores of paragraphs (rows) and videos (columns)."""
    if pool != "sentences":
        texts_ND = given.embed_texts([item.texts[0] for item in videos], "picture")
        rows = []
        for item in videos:
            features = given.features[item.id]
            vectors = features.vectors["picture"]
            if pool == "scenes":
                inside_NS = inside(list_scenes(given.space.temporal, features), features.spans["picture"])
                vectors = np.stack([mean_direction(vectors[of_scene]) for of_scene in inside_NS])
            rows.append(mean_direction(vectors))
        scores: Float32 = texts_ND @ np.stack(rows).T
        return scores
    sentences = [[moment.text for moment in list_sentences(item)] for item in videos]
    queries_QD = given.embed_texts([text for several in sentences for text in several], "picture")
    starts = np.cumsum([0, *(len(several) for several in sentences)])
    columns = []
    for item in videos:
        attended_Q = attend(queries_QD @ given.features[item.id].vectors["picture"].T)
        columns.append(np.add.reduceat(attended_Q, starts[:-1]) / np.diff(starts))
    scores = np.stack(columns, axis=1)
    return scores


def attend(cosines_QS: Float32) -> Float32:
    """Means (Q,) of the cosines with the segments, weighted by their softmax."""
    weights_QS = np.exp(TEMPERATURE * (cosines_QS - cosines_QS.max(1, keepdims=True)))
    attended_Q: Float32 = (weights_QS * cosines_QS).sum(1) / weights_QS.sum(1)
    return attended_Q
