"""How well a question without something keeps that out of the first answers, told by captions.

Names of arrays end in their axes: N pictures, D dimensions.
"""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.data.captioned_images import read_captioned_images
from mm.errors import InvalidInput
from mm.evaluation.near_duplicates import embedded
from mm.metrics.bootstrap import bootstrap
from mm.metrics.report import Measure, Report
from mm.numerics import sigmoid
from mm.spaces import Space
from mm.spaces.query import build_query
from mm.spaces.types import EvidenceQuery, Vectors

FIRST = 10
"""Answers that are looked at."""
LEAST = 15
"""Pictures that a pair needs, with what it is without and without it."""
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
"""What is asked for, and the words of captions that say it is there. Nobody wrote captions to say
what is not."""
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def evaluate(space: Space, data: Path, split: str = "dev") -> Report:
    """Of the first ten pictures, the share that captions say to have what is wanted and not to have
    what is unwanted.

    Over all pairs of which there are enough pictures; intervals are drawn over pairs. Raises
    `InvalidInput` for data that cannot be read or has no such pair.
    """
    rows = read_captioned_images(data, split)
    captions = [" ".join(row.captions).lower() for row in rows]
    pictures_ND = embedded(space.image, [row.path for row in rows], lambda picture: picture)
    ways: dict[str, list[float]] = {}
    for (wanted, there), (unwanted, there_too) in product(WANTED.items(), UNWANTED.items()):
        right, wrong = _told(there, captions), _told(there_too, captions)
        if wanted == unwanted or min((right & wrong).sum(), (right & ~wrong).sum()) < LEAST:
            continue
        for way, scores in _ways(space, wanted, unwanted, pictures_ND).items():
            best = np.argsort(-scores, kind="stable")[:FIRST]
            ways.setdefault(way, []).append(float((right & ~wrong)[best].mean()))
    if not ways:
        raise InvalidInput(f"{data}: no two things are told in enough captions of {split}.")
    pairs = len(next(iter(ways.values())))
    measures = tuple(Measure(way, bootstrap(np.asarray(shares))) for way, shares in ways.items())
    return Report(f"{len(rows):,} pictures of {split}, {pairs} pairs, right of the first {FIRST}", measures)


def _ways(space: Space, wanted: str, unwanted: str, pictures_ND: Vectors) -> dict[str, Floats]:
    question = build_query(space, text=wanted, without=[unwanted])
    plain = _probability(question.evidence_queries, pictures_ND)
    one, other = space.text.embed([wanted, unwanted])
    return {
        "what is wanted, and no more": plain,
        "said in words: 'a dog without grass'": _probability(
            build_query(space, text=f"{wanted} without {unwanted}").evidence_queries, pictures_ND
        ),
        "without": plain * (1 - _probability(question.negations, pictures_ND)),
        "vectors: wanted - unwanted / 2": (pictures_ND @ (one - other / 2)).astype(np.float64),
    }


def _probability(probes: tuple[EvidenceQuery, ...], pictures_ND: Vectors) -> Floats:
    (logits,) = [probe.logits(pictures_ND).astype(np.float64) for probe in probes if probe.kind == "picture"]
    return sigmoid(logits)


def _told(words: str, captions: list[str]) -> Mask:
    found = re.compile(rf"\b({words})\b")
    return np.asarray([found.search(caption) is not None for caption in captions])
