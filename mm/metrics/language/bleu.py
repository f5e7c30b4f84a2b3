"""BLEU of captions (Papineni et al. 2002, doi:10.3115/1073083.1073135).

Variant of the COCO caption evaluation (Chen et al. 2015, arXiv:1504.00325): counts are summed over
the corpus, the reference length of a candidate is the closest one, the shorter of two equally
close, and two small constants stand in for smoothing. Names of arrays end in their axes: C
candidates, N lengths of n-grams.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.metrics.language.ngrams import MAX_N, References, Tokens, check_captions, count_ngrams

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

_TINY = 1e-15  # added to matches, so that none gives a score near 0 and not an error
_SMALL = 1e-9  # added to totals, which are 0 for a candidate shorter than n


@dataclass(frozen=True, slots=True, eq=False)
class BleuCounts:
    """What the BLEU of any subset of the candidates is computed from."""

    matches_CN: Int  # n-grams that a reference has, each at most as often as the reference with most
    totals_CN: Int  # n-grams of the candidate
    length_C: Int
    reference_length_C: Int

    def score(self, rows: npt.NDArray[np.integer] | None = None) -> Float:
        """BLEU-1 to BLEU-4 (N,) of these candidates, which may repeat; by default of all."""
        rows = np.arange(len(self.length_C)) if rows is None else rows
        precision_N = (self.matches_CN[rows].sum(0) + _TINY) / (self.totals_CN[rows].sum(0) + _SMALL)
        ratio = (self.length_C[rows].sum() + _TINY) / (self.reference_length_C[rows].sum() + _SMALL)
        brevity_penalty = np.exp(1 - 1 / ratio) if ratio < 1 else 1.0
        order_N = np.arange(1, len(precision_N) + 1)
        score_N: Float = np.exp(np.cumsum(np.log(precision_N)) / order_N) * brevity_penalty
        return score_N


def count_bleu(candidates: Sequence[Tokens], references: Sequence[References]) -> BleuCounts:
    """Count the matches of each candidate with its references.

    Raises `InvalidInput` for no candidates and for a candidate without references.
    """
    check_captions(candidates, references)
    matches_CN = np.zeros((len(candidates), MAX_N), np.int64)
    totals_CN = np.zeros((len(candidates), MAX_N), np.int64)
    for row, (candidate, several) in enumerate(zip(candidates, references, strict=True)):
        most: Counter[Tokens] = Counter()
        for reference in several:
            most |= count_ngrams(reference)
        for ngram, count in count_ngrams(candidate).items():
            totals_CN[row, len(ngram) - 1] += count
            matches_CN[row, len(ngram) - 1] += min(count, most[ngram])
    closest = [
        min((len(reference) for reference in several), key=lambda length: (abs(length - len(candidate)), length))
        for candidate, several in zip(candidates, references, strict=True)
    ]
    return BleuCounts(matches_CN, totals_CN, np.array([len(candidate) for candidate in candidates]), np.array(closest))


def bleu(candidates: Sequence[Tokens], references: Sequence[References]) -> Float:
    """BLEU-1 to BLEU-4 (4,) of a corpus, from 0 to 1. Raises as `count_bleu`."""
    return count_bleu(candidates, references).score()
