"""What the two bands of an answer hold: right answers to short questions, and what nothing in the
library answers.

Needs no torch. Names of arrays end in their axes: Q questions, N pictures, L lines, D dimensions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.data.captioned_images import read_captioned_images
from mm.data.query_texts import is_content_word, read_lines, read_split_lines
from mm.data.short_queries import ShortQuery, draw_short_queries
from mm.errors import InvalidInput
from mm.evaluation.near_duplicates import embedded
from mm.metrics.bootstrap import bootstrap
from mm.metrics.report import Measure, Report
from mm.numerics import sigmoid
from mm.spaces import Space
from mm.spaces.query import build_query
from mm.spaces.types import Query, Vectors

COUNT = 200
"""Short questions of each length."""
LINES = 1000
"""Captions of train that stand for spoken lines in a second library."""
PAGE = 10
"""Hits that a search returns unless it names another number."""

Float = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """Scores from which a hit is likely, and possible."""

    likely: float
    possible: float


def evaluate(space: Space, data: Path, texts: Path, split: str = "dev") -> Report:
    """Shares over short questions cut out of captions, over questions that no picture answers, and
    over things that no caption of the library names. `texts` is the folder with the sets
    `unanswerable` and `depictable`.

    Raises `InvalidInput` for data that cannot be read, or a space without a second bound.
    """
    calibration = space.calibration
    if calibration.possible is None:
        raise InvalidInput(f"The calibration of {space.id} has no bound of possible hits: there is one band.")
    bounds = Bounds(calibration.floor, calibration.possible)
    rows = read_captioned_images(data, split)
    captions = [row.captions for row in rows]
    pictures_ND = embedded(space.image, [row.path for row in rows], lambda picture: picture)
    measures: list[Measure] = []
    for words, name in ((1, "one word"), (2, "two words"), (3, "three words")):
        asked = draw_short_queries(captions, words, COUNT, 0)
        measures += _short(name, asked, _scores(space, [one.text for one in asked], pictures_ND), bounds)
    unanswerable = read_split_lines(texts / "unanswerable" / "questions.txt", "dev")
    spoken = [caption for row in read_captioned_images(data, "train")[:LINES] for caption in row.captions[:1]]
    seen_QN = _scores(space, unanswerable, pictures_ND)
    said_QL = _scores(space, unanswerable, space.sentences.embed(spoken), "speech")
    measures += _nothing("unanswerable", seen_QN, bounds)
    measures += _nothing(f"unanswerable, {len(spoken):,} spoken lines beside them", np.concatenate([seen_QN, said_QL], 1), bounds)
    absent = find_absent_things(read_lines(texts / "depictable" / "shown.txt"), captions)
    measures += _nothing("thing that is not there", _scores(space, absent, pictures_ND), bounds)
    of = f"{len(rows):,} pictures of {split}, likely from {bounds.likely:g}, possible from {bounds.possible:g}; "
    return Report(of + f"{len(unanswerable)} unanswerable questions, {len(absent)} things not there", tuple(measures))


def find_absent_things(names: Sequence[str], captions: Sequence[Sequence[str]]) -> list[str]:
    """Names of which no telling word is in any caption."""
    told = {word for own in captions for caption in own for word in re.findall("[a-z]+", caption.lower())}
    return [name for name in names if not told & {word for word in re.findall("[a-z]+", name.lower()) if is_content_word(word)}]


def _scores(space: Space, texts: Sequence[str], vectors: Vectors, kind: str = "picture") -> Float:
    """Probabilities (Q, N) of pieces of evidence of one kind."""
    return np.stack([_score(build_query(space, text=text), vectors, kind) for text in texts])


def _score(question: Query, vectors: Vectors, kind: str) -> Float:
    (probe,) = (probe for probe in question.evidence_queries if probe.kind == kind)
    return sigmoid(probe.logits(vectors).astype(np.float64))


def _short(name: str, asked: Sequence[ShortQuery], scores_QN: Float, bounds: Bounds) -> list[Measure]:
    """Of the right pictures, the share in a band, by question; and questions that find no right
    picture."""

    def shares(bound: float) -> Float:
        return np.array([(scores[one.right] >= bound).mean() for one, scores in zip(asked, scores_QN, strict=True)])

    def first(bound: float) -> Mask:
        best = [np.argsort(-scores)[:PAGE] for scores in scores_QN]
        return np.array(
            [(one.right[top] & (scores[top] >= bound)).any() for one, scores, top in zip(asked, scores_QN, best, strict=True)]
        )

    return [
        Measure(f"{name}: right pictures that are likely", bootstrap(shares(bounds.likely))),
        Measure(f"{name}: likely or possible", bootstrap(shares(bounds.possible))),
        Measure(f"{name}: a right picture among the first {PAGE}, likely", bootstrap(first(bounds.likely))),
        Measure(f"{name}: likely or possible", bootstrap(first(bounds.possible))),
        Measure(f"{name}: without any bound", bootstrap(first(0.0))),
    ]


def _nothing(name: str, scores_QN: Float, bounds: Bounds) -> list[Measure]:
    """Questions that find nothing, and how long the answers are otherwise."""
    likely, possible = (scores_QN >= bounds.likely).sum(1), (scores_QN >= bounds.possible).sum(1)
    return [
        Measure(f"{name}: nothing likely", bootstrap(likely == 0)),
        Measure(f"{name}: nothing at all", bootstrap(possible == 0)),
        Measure(f"{name}: fewer than {PAGE} hits", bootstrap(possible < PAGE)),
        Measure(f"{name}: hits, likely and possible", bootstrap(possible.astype(np.float64)), share=False),
    ]
