"""ROUGE-L of captions (Lin 2004, https://aclanthology.org/W04-1013), with the F-measure of the COCO
caption evaluation (Chen et al. 2015, arXiv:1504.00325): the best precision and the best recall over
the references, which may be of two references, and beta 1.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mm.metrics.language.ngrams import References, Tokens, check_captions

BETA = 1.2


def rouge_l(candidates: Sequence[Tokens], references: Sequence[References]) -> npt.NDArray[np.float64]:
    """ROUGE-L of each candidate (C,), from 0 to 1; an empty one scores 0.

    Raises `InvalidInput` for no candidates and for a candidate without references.
    """
    check_captions(candidates, references)
    return np.array([_score(candidate, several) for candidate, several in zip(candidates, references, strict=True)])


def longest_common_subsequence(first: Tokens, second: Tokens) -> int:
    """Length of the longest common subsequence."""
    lengths = [0] * (len(second) + 1)
    for token in first:
        diagonal = 0
        for column, other in enumerate(second, start=1):
            above = lengths[column]
            lengths[column] = diagonal + 1 if token == other else max(above, lengths[column - 1])
            diagonal = above
    return lengths[-1]


def _score(candidate: Tokens, references: References) -> float:
    common = [longest_common_subsequence(candidate, reference) for reference in references]
    if not any(common):
        return 0.0
    precision = max(common) / len(candidate)
    recall = max(length / max(len(reference), 1) for length, reference in zip(common, references, strict=True))
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)
