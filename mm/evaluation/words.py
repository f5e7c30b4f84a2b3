"""Queries of spoken lines: the same words, other forms and typing errors, paraphrases, near misses.

A library of lines is the first caption of each image. A query is the line, a part of it, one of
these with a typing error, another caption of the image (a paraphrase), or the line with one word
replaced by another of its class (a near miss: 'two dogs' for 'three dogs'), which is no match.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from mm.data.captioned_images import read_captioned_images
from mm.errors import InvalidInput
from mm.metrics.bootstrap import bootstrap
from mm.metrics.report import Measure, Report
from mm.numerics import sigmoid
from mm.spaces import Space
from mm.spaces.query import build_query
from mm.wording.matching import compare_words, rescore

NUM_COMPARED = 6
"""Lines of the highest scores that are compared for each query, besides its own."""
PART_WORDS = (3, 4, 5)
CLASSES = tuple(
    words.split()
    for words in (
        "red blue green yellow white black brown orange pink purple gray",
        "two three four five six seven eight nine",
        "dog cat horse bird sheep cow",
        "man woman boy girl child",
        "beach park street field mountain lake pool forest",
        "running jumping sitting standing walking swimming climbing sleeping",
    )
)
FITTED = ("exact", "near", "replaced")
REGULARIZATION = 1e-4


@dataclass(frozen=True, slots=True)
class _Pair:
    query: str
    kind: str
    is_own: bool
    """Whether the line is that of the query."""
    logit: float
    name: str
    """The key of `LOGIT_CHANGES`."""

    @property
    def is_match(self) -> bool:
        return self.is_own and not (self.kind.startswith("near miss") and self.name in ("replaced", "meaning"))


def evaluate(space: Space, data: Path, split: str = "dev", count: int = 200, *, is_fit: bool = False) -> Report:
    """Measure scores of own lines, as the space gives them and rescored by words.

    `is_fit` returns the coefficients of `LOGIT_CHANGES` that fit the pairs instead. Raises
    `InvalidInput` for unreadable data and when there are too few captions.
    """
    rows = [row for row in read_captioned_images(data, split) if len(row.captions) > 1]
    rng = random.Random(0)
    rng.shuffle(rows)
    lines = [row.captions[0].rstrip(" .") for row in rows[:count]]
    if len(lines) < NUM_COMPARED:
        raise InvalidInput(f"{data}: {len(lines)} images of {split} have two captions; {NUM_COMPARED} are needed.")
    paraphrases = [row.captions[1].rstrip(" .") for row in rows[:count]]
    ranks: dict[str, list[tuple[bool, bool]]] = {}
    pairs = list(_compare(space, lines, paraphrases, rng, ranks))
    if is_fit:
        changes = _fit(pairs)
        return Report(
            "coefficients",
            tuple(Measure(name, bootstrap(np.asarray([value])), is_share=False) for name, value in changes.items()),
        )
    measures = []
    for kind in dict.fromkeys(pair.kind for pair in pairs):
        own = [pair for pair in pairs if pair.kind == kind and pair.is_own and (pair.is_match or pair.name == "replaced")]
        before = sigmoid(np.asarray([pair.logit for pair in own]))
        after = np.asarray([rescore(float(p), pair.name) for p, pair in zip(before, own, strict=True)])
        likely = space.calibration.floor
        measures += [Measure(f"{kind}: likely before", bootstrap((before >= likely).astype(float)))]
        measures += [Measure(f"{kind}: likely", bootstrap((after >= likely).astype(float)))]
        for place, name in enumerate(("R@1 before", "R@1")):
            measures += [Measure(f"{kind}: {name}", bootstrap(np.asarray([float(rank[place]) for rank in ranks[kind]])))]
    return Report(f"{len(lines)} lines of {split}", tuple(measures))


def _compare(
    space: Space, lines: Sequence[str], paraphrases: Sequence[str], rng: random.Random, ranks: dict[str, list[tuple[bool, bool]]]
) -> Iterator[_Pair]:
    vectors = space.sentences.embed(lines)
    for number, line in enumerate(lines):
        for kind, query in _make_queries(line, paraphrases[number], rng):
            (evidence_query,) = [each for each in build_query(space, text=query).evidence_queries if each.kind == "speech"]
            logits = evidence_query.logits(vectors).astype(np.float64)
            top = np.argsort(-logits, kind="stable")[:NUM_COMPARED].tolist()
            rescored: dict[int, float] = {}
            for other in dict.fromkeys([*top, number]):
                comparison = compare_words(query, lines[other])
                rescored[other] = rescore(float(sigmoid(logits[other : other + 1])[0]), comparison.name)
                yield _Pair(query, kind, other == number, float(logits[other]), comparison.name)
            best = max(rescored, key=lambda other: rescored[other])
            ranks.setdefault(kind, []).append((top[0] == number, best == number))


def _make_queries(line: str, paraphrase: str, rng: random.Random) -> Iterator[tuple[str, str]]:
    words = line.split()
    start = rng.randrange(max(1, len(words) - PART_WORDS[1]))
    part = " ".join(words[start : start + rng.choice(PART_WORDS)])
    made = (
        ("the line", line),
        ("a part of it", part),
        ("a typing error", _misspell(line, rng)),
        ("a typing error in a part", _misspell(part, rng)),
        ("a paraphrase", paraphrase),
        ("near miss", _replace(line, rng)),
        ("near miss of a part", _replace(part, rng)),
    )
    yield from ((kind, query) for kind, query in made if query is not None)


def _misspell(text: str, rng: random.Random) -> str | None:
    words = text.split()
    places = [place for place, word in enumerate(words) if len(word) > 4 and word.isalpha()]
    if not places:
        return None
    place = rng.choice(places)
    word = words[place]
    at = rng.randrange(1, len(word) - 1)
    left_out, transposed = word[:at] + word[at + 1 :], word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    words[place] = rng.choice((left_out, transposed, word[:at] + rng.choice("aeiorst") + word[at + 1 :]))
    return " ".join(words)


def _replace(text: str, rng: random.Random) -> str | None:
    words = text.split()
    places = [(place, group) for place, word in enumerate(words) for group in CLASSES if word.lower() in group]
    if not places:
        return None
    place, group = rng.choice(places)
    words[place] = rng.choice([word for word in group if word != words[place].lower()])
    return " ".join(words)


def _fit(pairs: Sequence[_Pair]) -> dict[str, float]:
    """The changes of the log-odds of highest likelihood; that of `meaning` is 0."""
    logits = np.asarray([pair.logit for pair in pairs])
    is_match = np.asarray([float(pair.is_match) for pair in pairs])
    names = np.asarray([[float(pair.name == name) for name in FITTED] for pair in pairs])

    def loss(changes: npt.NDArray[np.float64]) -> float:
        changed = logits + names @ changes
        return float(np.mean(np.logaddexp(0.0, changed) - is_match * changed) + REGULARIZATION * changes @ changes)

    return dict(zip(FITTED, map(float, minimize(loss, np.zeros(len(FITTED))).x), strict=True))
