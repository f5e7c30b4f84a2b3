"""Queries without something: how well the unwanted thing is kept out of the first results.

Relevance is taken from captions. Names of arrays end in their axes: N images, D dimensions.
"""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.data.captioned_images import read_captioned_images
from mm.errors import InvalidInput
from mm.evaluation.near_duplicates import embed_images
from mm.metrics.bootstrap import bootstrap
from mm.metrics.report import Measure, Report
from mm.numerics import sigmoid
from mm.spaces import Space
from mm.spaces.query import build_query
from mm.spaces.types import EvidenceQuery, Vectors

NUM_RESULTS = 10
"""Results that are measured."""
MIN_IMAGES = 15
"""Images with the wanted thing that a pair needs, both with the unwanted thing and without it."""
WANTED = {
    "a dog": "dogs?|puppy|puppies",
    "a child": "child|children|boys?|girls?|kids?|toddlers?",
    "a man": "man|men|guys?",
    "a woman": "woman|women|lady|ladies",
    "a bicycle": "bicycles?|bikes?|cyclists?",
    "a ball": "balls?|football|basketball|soccer",
}
UNWANTED = {
    "grass": "grass|grassy|lawn",
    "snow": "snow|snowy",
    "water": "water|lake|ocean|sea|pool|river|waves?",
    "a beach": "beach|sand|sandy",
    "a dog": "dogs?|puppy|puppies",
    "a car": "cars?|trucks?",
    "a red shirt": "red",
}
"""Query text to the words of captions that name it. Captions do not mention absent things."""

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def evaluate(space: Space, data: Path, split: str = "dev", min_images: int = MIN_IMAGES) -> Report:
    """Measure, for each method, the share of the first results with only the wanted thing.

    All pairs with enough images are measured, and intervals are over pairs. Raises `InvalidInput`
    for unreadable data, and when no pair has enough images.
    """
    rows = read_captioned_images(data, split)
    captions = [" ".join(row.captions).lower() for row in rows]
    images_ND = embed_images(space.image, [row.path for row in rows], lambda image: image)
    shares: dict[str, list[float]] = {}
    for (wanted, wanted_words), (unwanted, unwanted_words) in product(WANTED.items(), UNWANTED.items()):
        has_wanted, has_unwanted = _find(wanted_words, captions), _find(unwanted_words, captions)
        relevant = has_wanted & ~has_unwanted
        if wanted == unwanted or min((has_wanted & has_unwanted).sum(), relevant.sum()) < min_images:
            continue
        for method, scores in _score_methods(space, wanted, unwanted, images_ND).items():
            best = np.argsort(-scores, kind="stable")[:NUM_RESULTS]
            shares.setdefault(method, []).append(float(relevant[best].mean()))
    if not shares:
        raise InvalidInput(f"{data}: no pair of things is named in enough captions of {split}.")
    num_pairs = len(next(iter(shares.values())))
    measures = tuple(Measure(method, bootstrap(np.asarray(values))) for method, values in shares.items())
    return Report(f"{len(rows):,} images of {split}, {num_pairs} pairs, right of the first {NUM_RESULTS}", measures)


def _score_methods(space: Space, wanted: str, unwanted: str, images_ND: Vectors) -> dict[str, Floats]:
    query = build_query(space, text=wanted, without=[unwanted])
    plain = _probability(query.evidence_queries, images_ND)
    in_words = build_query(space, text=f"{wanted} without {unwanted}")
    wanted_D, unwanted_D = space.text.embed([wanted, unwanted])
    return {
        "what is wanted, and no more": plain,
        "said in words: 'a dog without grass'": _probability(in_words.evidence_queries, images_ND),
        "without": plain * (1 - _probability(query.negations, images_ND)),
        "vectors: wanted - unwanted / 2": (images_ND @ (wanted_D - unwanted_D / 2)).astype(np.float64),
    }


def _probability(evidence_queries: tuple[EvidenceQuery, ...], images_ND: Vectors) -> Floats:
    (logits,) = [entry.logits(images_ND).astype(np.float64) for entry in evidence_queries if entry.kind == "picture"]
    return sigmoid(logits)


def _find(words: str, captions: list[str]) -> Mask:
    """Which captions have one of the words."""
    pattern = re.compile(rf"\b({words})\b")
    return np.asarray([pattern.search(caption) is not None for caption in captions])
