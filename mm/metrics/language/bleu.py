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
        counts_CK = self.stack() if rows is None else self.stack()[rows]
        score_N: Float = score_bleu_sums(counts_CK.sum(0, keepdims=True))[0]
        return score_N

    def stack(self) -> Float:
        """A row (K,) of each candidate: matches (N,), totals (N,), length, reference length."""
        lengths_C2 = np.stack([self.length_C, self.reference_length_C], axis=1)
        return np.concatenate([self.matches_CN, self.totals_CN, lengths_C2], axis=1).astype(np.float64)


def score_bleu_sums(sums_BK: Float) -> Float:
    """BLEU-1 to BLEU-4 (B, N) of sums of rows of `BleuCounts.stack`."""
    matches_BN, totals_BN, (length_B, reference_B) = sums_BK[:, :MAX_N], sums_BK[:, MAX_N : 2 * MAX_N], sums_BK[:, 2 * MAX_N :].T
    precision_BN = (matches_BN + _TINY) / (totals_BN + _SMALL)
    ratio_B = (length_B + _TINY) / (reference_B + _SMALL)
    brevity_penalty_B = np.exp(np.minimum(1 - 1 / ratio_B, 0.0))
    score_BN: Float = np.exp(np.cumsum(np.log(precision_BN), axis=1) / np.arange(1, MAX_N + 1)) * brevity_penalty_B[:, None]
    return score_BN


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
