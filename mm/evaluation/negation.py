"""Queries without something: how well the unwanted thing is kept out of the first results.

Relevance is taken from captions: of things in several words (`WANTED`, `UNWANTED`), and of the most
frequent object words of the captions ('nouns'). Names of arrays end in their axes: N images, D
dimensions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.data.captioned_images import read_captioned_images
from mm.errors import InvalidInput
from mm.evaluation.near_duplicates import embed_images
from mm.metrics.bootstrap import bootstrap
from mm.metrics.language.objects import default_object_words
from mm.metrics.language.ptb_tokenizer import tokenize
from mm.metrics.report import Measure, Report
from mm.numerics import log_odds, sigmoid
from mm.spaces import Space
from mm.spaces.query import UNWANTED_PRIOR, build_query
from mm.spaces.types import EvidenceQuery, Vectors
from mm.wording.exclusions import parse_exclusions

NUM_RESULTS = 10
"""Results that are measured."""
MAX_NOUNS = 30
"""The most frequent object words, each as the wanted and the unwanted thing of the others."""
MIN_DEVIATIONS = 0.5
"""Deviations above the mean of the library from which the method 'removed' removes an image."""
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

NOUNS = "nouns: "
"""Prefix of the measures of object words."""

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
    counts: Counter[str] = Counter()
    for prefix, wanted, unwanted, has_wanted, has_unwanted in _list_pairs(captions):
        relevant = has_wanted & ~has_unwanted
        if min((has_wanted & has_unwanted).sum(), relevant.sum()) < min_images:
            continue
        counts[prefix] += 1
        for method, scores in _score_methods(space, wanted, unwanted, images_ND).items():
            best = np.argsort(-scores, kind="stable")[:NUM_RESULTS]
            shares.setdefault(prefix + method, []).append(float(relevant[best].mean()))
    if not shares:
        raise InvalidInput(f"{data}: no pair of things is named in enough captions of {split}.")
    measures = tuple(Measure(method, bootstrap(np.asarray(values))) for method, values in shares.items())
    pairs = f"{counts['']} pairs and {counts[NOUNS]} of nouns"
    return Report(f"{len(rows):,} images of {split}, {pairs}, right of the first {NUM_RESULTS}", measures)


def _list_pairs(captions: list[str]) -> Iterator[tuple[str, str, str, Mask, Mask]]:
    """Prefix of the measures, wanted and unwanted thing, and which images have them."""
    for (wanted, wanted_words), (unwanted, unwanted_words) in product(WANTED.items(), UNWANTED.items()):
        if wanted != unwanted:
            yield "", wanted, unwanted, _find(wanted_words, captions), _find(unwanted_words, captions)
    words = default_object_words()
    objects = [words.supported_by([tokenize(caption)]) for caption in captions]
    frequent = [name for name, _ in Counter(name for names in objects for name in sorted(names)).most_common(MAX_NOUNS)]
    masks = {name: np.asarray([name in names for names in objects]) for name in frequent}
    for wanted, unwanted in permutations(frequent, 2):
        if unwanted not in words.general.get(wanted, ()) and wanted not in words.general.get(unwanted, ()):
            yield NOUNS, wanted, unwanted, masks[wanted], masks[unwanted]


def _score_methods(space: Space, wanted: str, unwanted: str, images_ND: Vectors) -> dict[str, Floats]:
    typed = f"{wanted} without {unwanted}"
    parsed = parse_exclusions(typed)
    query = build_query(space, text=wanted, without=[unwanted])
    plain = _probability(query.evidence_queries, images_ND)
    in_words = build_query(space, text=typed)
    parsed_query = build_query(space, text=parsed.text, without=parsed.without)
    (of_images,) = [entry for entry in query.negations if entry.kind == "picture"]
    even = replace(of_images, bias=of_images.bias - log_odds(UNWANTED_PRIOR["picture"]))
    logits = of_images.logits(images_ND).astype(np.float64)
    is_unwanted = logits > logits.mean() + MIN_DEVIATIONS * logits.std()
    wanted_D, unwanted_D = space.text.embed([wanted, unwanted])
    return {
        "what is wanted, and no more": plain,
        "said in words: 'a dog without grass'": _probability(in_words.evidence_queries, images_ND),
        "parsed from these words": _without(parsed_query.evidence_queries, parsed_query.negations, images_ND),
        "without": plain * (1 - _probability(query.negations, images_ND)),
        "without, unwanted at even odds": plain * (1 - _probability((even,), images_ND)),
        "removed, relative to the library": np.where(is_unwanted, -1.0, plain),
        "vectors: wanted - unwanted / 2": (images_ND @ (wanted_D - unwanted_D / 2)).astype(np.float64),
    }


def _without(wanted: tuple[EvidenceQuery, ...], unwanted: tuple[EvidenceQuery, ...], images_ND: Vectors) -> Floats:
    scores = _probability(wanted, images_ND)
    for entry in unwanted:
        if entry.kind == "picture":
            scores = scores * (1 - _probability((entry,), images_ND))
    return scores


def _probability(evidence_queries: tuple[EvidenceQuery, ...], images_ND: Vectors) -> Floats:
    (logits,) = [entry.logits(images_ND).astype(np.float64) for entry in evidence_queries if entry.kind == "picture"]
    return sigmoid(logits)


def _find(words: str, captions: list[str]) -> Mask:
    """Which captions have one of the words."""
    pattern = re.compile(rf"\b({words})\b")
    return np.asarray([pattern.search(caption) is not None for caption in captions])
