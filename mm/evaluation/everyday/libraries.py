"""Libraries of pictures as vectors, and one question searched in one of them.

Names of arrays end in their axes: N pictures, H hits, F features, D dimensions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from mm.data.everyday.questions import Question, find_libraries
from mm.data.sets.types import EvaluationSet, SetItem
from mm.evaluation.features.encode import SetEncoder
from mm.evaluation.features.slices import Progress, encode_set
from mm.evaluation.runs.signature import combine_hashes
from mm.numerics import Float64, sigmoid
from mm.spaces.query import build_query
from mm.spaces.text_queries.bands import compute_features, compute_statistics, log_odds_without
from mm.wording.exclusions import parse_exclusions

if TYPE_CHECKING:
    from collections.abc import Callable

    from mm.evaluation.features.cache import FeatureCache
    from mm.media import MediaReader
    from mm.settings import Settings
    from mm.spaces import Space
    from mm.spaces.types import Vectors

NUM_HITS = 10
"""Hits of a search by default; all measures are of so many."""
Variant = Literal["answerable", "left out", "absent"]
"""A question as it is; one in a library without the pictures that answer it; one of things that are
in no library."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureLibrary:
    """The pictures of one set."""

    name: str
    items: Mapping[str, SetItem]
    """By id, also those that could not be encoded."""
    ids_N: tuple[str, ...]
    vectors_ND: Vectors


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The first hits of a question in a library."""

    question: Question
    variant: Variant
    right_H: Float64
    """1 for a hit that answers the question, else 0."""
    features_HF: Float64
    """Of `mm.spaces.text_queries.bands.FEATURES`."""
    scores_H: Float64
    """Probabilities before bands, as of `Hit.score`."""
    first_right: int
    """Rank of the first right picture of the library, from 1; 0 where there is none."""
    is_english: bool = True
    """Whether the text was encoded as English."""


def load_libraries(
    roots: Sequence[Path],
    questions: Sequence[Question],
    space: Space,
    reader: MediaReader,
    settings: Settings,
    hashes: dict[str, str],
    cache: FeatureCache,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> list[PictureLibrary]:
    """Encode the pictures of folders, or take their vectors from the cache.

    `hashes` are those of the weights of the space. Raises `InvalidInput` as `find_libraries`, and
    `StorageFull`.
    """
    libraries = []
    for name, (_, data) in find_libraries(roots, questions).items():
        encoder = SetEncoder(space, reader, settings)
        encoded = encode_set(data.present, encoder, combine_hashes(hashes), cache, on_progress=on_progress)
        vectors = {
            item.id: encoded.features[item.id].vectors["picture"][0] for item in data.present if item.id in encoded.features
        }
        libraries.append(make_library(name, data, vectors))
    return libraries


def make_library(name: str, data: EvaluationSet, vectors: Mapping[str, np.ndarray]) -> PictureLibrary:
    """A library of the pictures that have a vector (D,)."""
    ids = tuple(item.id for item in data.present if item.id in vectors)
    return PictureLibrary(name, {item.id: item for item in data.items}, ids, np.stack([vectors[each] for each in ids]))


def rank_questions(space: Space, questions: Sequence[Question], libraries: Sequence[PictureLibrary]) -> Iterator[Ranking]:
    """Search for every question; for one with answers twice, the second time without them.

    Raises `InvalidInput` for a question whose caption is missing.
    """
    by_name = {library.name: library for library in libraries}
    for question in questions:
        if question.library not in by_name:
            continue
        library = by_name[question.library]
        if question.right:
            yield rank_question(space, question, library, "answerable", question.unsure)
            yield rank_question(space, question, library, "left out", (*question.unsure, *question.right))
        else:
            yield rank_question(space, question, library, "absent", question.unsure)


def rank_question(
    space: Space, question: Question, library: PictureLibrary, variant: Variant, removed: Collection[str]
) -> Ranking:
    """Search a library without some pictures, as the service does for a query of words alone."""
    removed, right = frozenset(removed), frozenset(question.right)
    kept = np.array([each not in removed for each in library.ids_N])
    ids = np.array(library.ids_N)[kept]
    parsed = parse_exclusions(question.fill_in(library.items))
    query = build_query(space, text=parsed.text or None, without=parsed.without, may_only_exclude=True)
    (wanted,) = (each for each in query.evidence_queries if each.kind == "picture")
    logits_N = wanted.logits(library.vectors_ND[kept]).astype(np.float64)
    kept_N = np.ones(len(ids))
    for each in query.negations:
        if each.kind == "picture":
            kept_N *= 1 - sigmoid(each.logits(library.vectors_ND[kept]).astype(np.float64))
    scores_N = sigmoid(logits_N) * kept_N
    order_N = np.argsort(-scores_N, kind="stable")
    top_H = order_N[:NUM_HITS]
    statistics = compute_statistics(len(ids), logits_N, wanted.logits(space.bank.images).astype(np.float64))
    hit_logits_H = np.array([log_odds_without(*pair) for pair in zip(sigmoid(logits_N[top_H]), kept_N[top_H], strict=True)])
    assert query.text is not None
    is_right_N = np.array([each in right for each in ids[order_N]])
    return Ranking(
        question, variant, is_right_N[: len(top_H)].astype(np.float64),
        compute_features(hit_logits_H, kept_N[top_H], statistics, query.text), scores_N[top_H],
        int(np.argmax(is_right_N)) + 1 if is_right_N.any() else 0, query.text.is_english,
    )  # fmt: skip
