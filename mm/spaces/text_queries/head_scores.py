"""The score of a short text for images with the heads of its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mm.spaces.scoring import LinearScore
from mm.spaces.text_queries.word_heads import WEIGHTS, HeadScale, split_query_words

if TYPE_CHECKING:
    from mm.spaces.text_queries.word_heads import WordHeads
    from mm.spaces.types import Vectors


def add_word_heads(score: LinearScore, text: str, heads: WordHeads, bank: Vectors) -> tuple[LinearScore, HeadScale | None]:
    """The score of a text for images with the heads of its words; `bank` (B, D) are images.

    The sum is scaled to the mean and the deviation of `score` over the bank, so that the meaning of
    its log-odds stays. A text of more words than `WEIGHTS` has, or without a head, keeps its score.
    """
    words = split_query_words(text)
    found = heads.find(words) if 0 < len(words) <= len(WEIGHTS) else []
    if not found:
        return score, None
    factor = WEIGHTS[len(words) - 1]
    weight = score.weight + np.float32(factor) * np.sum([head for head, _ in found], axis=0, dtype=np.float32)
    before, after = bank @ score.weight, bank @ weight
    scale = float(before.std()) / max(float(after.std()), 1e-6)
    bias = score.bias + float(before.mean()) - scale * float(after.mean())
    parts = factor * len(found)
    # The vector of the text adds its mean over the bank: it varies little beside the heads.
    offset = float(np.mean([own for _, own in found])) - (bias / scale + float(before.mean())) / parts
    summed = LinearScore((scale * weight).astype(np.float32), bias, score.direction)
    return summed, HeadScale(1 / (scale * parts), offset)
