"""Plain implementations of the metrics, from the papers, and random captions to compare on."""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np
from hypothesis import strategies as st

Words = tuple[str, ...]

WORDS = st.sampled_from(["a", "dog", "man", "runs", "on", "grass", "café", "狗", "don't", "-lrb-", "T", "t"])
CAPTION = st.lists(WORDS, max_size=9).map(tuple)
FULL_CAPTION = st.lists(WORDS, min_size=1, max_size=9).map(tuple)
CORPUS = st.lists(st.tuples(CAPTION, st.lists(FULL_CAPTION, min_size=1, max_size=4)), min_size=1, max_size=6)


def ngrams(words: Words, n: int) -> list[Words]:
    return [words[start : start + n] for start in range(len(words) - n + 1)]


def bleu(corpus: list[tuple[Words, list[Words]]]) -> list[float]:
    """Equations 1 to 3 of Papineni et al., unsmoothed: 0 where an order has no match."""
    scores = []
    for max_n in range(1, 5):
        log_precisions = []
        for n in range(1, max_n + 1):
            right = total = 0
            for candidate, references in corpus:
                mine = ngrams(candidate, n)
                total += len(mine)
                right += sum(min(mine.count(g), max(ngrams(r, n).count(g) for r in references)) for g in set(mine))
            log_precisions.append(math.log(right / total) if right else -math.inf)
        length = sum(len(candidate) for candidate, _ in corpus)
        reference = sum(sorted((abs(len(r) - len(c)), len(r)) for r in rs)[0][1] for c, rs in corpus)
        brevity = 0.0 if not length else min(1.0, math.exp(1 - reference / length))
        scores.append(brevity * math.exp(sum(log_precisions) / max_n))
    return scores


def common_length(first: Words, second: Words) -> int:
    """The recursive definition of the longest common subsequence."""

    @cache
    def at(i: int, j: int) -> int:
        if i == len(first) or j == len(second):
            return 0
        return 1 + at(i + 1, j + 1) if first[i] == second[j] else max(at(i + 1, j), at(i, j + 1))

    return at(0, 0)


def rouge_l(candidate: Words, references: list[Words]) -> float:
    recall = max(common_length(candidate, r) / len(r) for r in references)
    precision = max(common_length(candidate, r) / len(candidate) for r in references) if candidate else 0.0
    return 2.44 * recall * precision / (recall + 1.44 * precision) if recall and precision else 0.0


def cider_d(corpus: list[tuple[Words, list[Words]]]) -> list[float]:
    """Equations 1, 3 and 4 of Vedantam et al. with dense vectors over all n-grams."""

    def vector(words: Words, n: int) -> np.ndarray:
        mine = ngrams(words, n)
        return np.array([mine.count(g) * idf[g] for g in vocabulary[n]])

    captions = [words for candidate, references in corpus for words in (candidate, *references)]
    vocabulary = {n: sorted({g for words in captions for g in ngrams(words, n)}) for n in range(1, 5)}
    idf = {}
    for n, grams in vocabulary.items():
        for g in grams:
            documents = sum(any(g in ngrams(r, n) for r in references) for _, references in corpus)
            idf[g] = math.log(len(corpus) / max(1, documents))
    scores = []
    for candidate, references in corpus:
        values = []
        for n, reference in itertools.product(range(1, 5), references):
            c, r = vector(candidate, n), vector(reference, n)
            norms = np.linalg.norm(c) * np.linalg.norm(r)
            difference = max(len(candidate) - 1, 0) - max(len(reference) - 1, 0)
            values.append(np.minimum(c, r) @ r / norms * math.exp(-(difference**2) / 72) if norms else 0.0)
        scores.append(10 * sum(values) / 4 / len(references))
    return scores


def best_matching(values: np.ndarray) -> float:
    """Largest sum over all one-to-one matches that do not cross."""
    rows, columns = values.shape
    sums = [0.0]
    for count in range(1, min(rows, columns) + 1):
        for mine in itertools.combinations(range(rows), count):
            sums += [float(values[mine, theirs].sum()) for theirs in itertools.combinations(range(columns), count)]
    return max(sums)
