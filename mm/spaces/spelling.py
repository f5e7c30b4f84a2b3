"""Words as vectors of their character bigrams and trigrams, for approximate matching of spelling.

A word is the set of its bigrams and trigrams, with marks at its ends, hashed with signs to a unit
vector (feature hashing, https://arxiv.org/abs/0902.2206), so that the index searches it as any
other evidence. The cosine of two words is close to the share of n-grams in common: 1 for the same
word, about 0.7 for one wrong letter of eight.
"""

from __future__ import annotations

import math
import re
import unicodedata
import zlib
from collections.abc import Sequence

import numpy as np

from mm.numerics import log_odds, normalize
from mm.spaces.types import EvidenceQuery, Vector, Vectors

DIM = 512
MIN_LETTERS = 3
"""Shorter words are similar to too many others."""
MAX_WORDS = 64
"""Of one text; the rest is discarded."""
SLOPE, BIAS = 10.0, -8.0
"""Log-odds of a cosine, chosen and not fitted: 0.88 for the same word, slightly above the floor for
one wrong letter of seven."""
WORDS_EXPONENT = 2.0
"""Each of n words of a query contributes n ** -`WORDS_EXPONENT` times as much."""
_WORD = re.compile(r"[^\W\d_]+|\d+")
_COMMON_WORDS = """
about after again all also and any are been before being below between both but can could did does doing down
during each few for from further had has have having her here him his how image into its itself just more most much
not now off only other our out over own photo picture same she should show shows some such than that the their them
then there these they this those through too under until very video was were what when where which while who whom
whose why will with without would you your yours
"""
_COMMON = frozenset(_COMMON_WORDS.split())


def extract_words(text: str) -> list[str]:
    """Extract the distinct words worth comparing, in lower case without accents."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(char))
    words = [word for word in _WORD.findall(plain) if len(word) >= MIN_LETTERS and word not in _COMMON]
    return list(dict.fromkeys(words))[:MAX_WORDS]


def split_ngrams(word: str) -> set[str]:
    """Bigrams and trigrams of a word, with marks at its ends."""
    marked = f"^{word}$"
    return {marked[start : start + length] for length in (2, 3) for start in range(len(marked) - length + 1)}


def embed_spelling(words: Sequence[str]) -> Vectors:
    """Unit rows (N, DIM) of words as `extract_words` returns them."""
    rows = np.zeros((len(words), DIM), np.float32)
    for row, word in zip(rows, words, strict=True):
        for ngram in split_ngrams(word):
            hashed = zlib.crc32(ngram.encode())
            row[hashed % DIM] += 1.0 if hashed & 0x8000_0000 else -1.0
        if not row.any():  # all signs cancel, which is rare: such words share one vector
            row[0] = 1.0
        row[:] = normalize(row)
    return rows


def build_spelling_query(text: str, weight: float, prior: float) -> EvidenceQuery | None:
    """Query for words spelled like those of a text, times `weight`; None without such words."""
    words = extract_words(text)
    if not words:
        return None
    total: Vector = embed_spelling(words).sum(0, dtype=np.float32)
    bias = BIAS - WORDS_EXPONENT * math.log(len(words))
    prior_logit = log_odds(prior)
    weighted_bias = prior_logit + weight * (bias - prior_logit)
    return EvidenceQuery("word", np.float32(weight * SLOPE) * total, weighted_bias, normalize(total))
