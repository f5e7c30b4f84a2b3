"""Words by how they are spelt: a word that was read in a picture is found by itself and by words
that differ little from it.

A word is the set of its pairs and triples of letters, its ends included, hashed with signs to a
unit vector (feature hashing, https://arxiv.org/abs/0902.2206), so that the index searches it as any
other evidence. The cosine of two words is nearly the share of pairs and triples that they have in
common: 1 for the same word, about 0.7 for one wrong letter of eight.
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
LEAST_LETTERS = 3
"""Shorter words are like too many others."""
MOST_WORDS = 64
"""Words of one text; the rest is left out."""
SLOPE, BIAS = 10.0, -8.0
"""Log-odds of a cosine, chosen and not fitted: the same word 0.88, one wrong letter of seven a
little above the floor."""
CROWD = 2.0
"""A question of n words says n ** -CROWD as much by each."""
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
    """Distinct words of a text that are worth comparing, in small letters without accents."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(char))
    found = [word for word in _WORD.findall(plain) if len(word) >= LEAST_LETTERS and word not in _COMMON]
    return list(dict.fromkeys(found))[:MOST_WORDS]


def grams(word: str) -> set[str]:
    """Pairs and triples of letters, with marks at the ends."""
    marked = f"^{word}$"
    return {marked[start : start + length] for length in (2, 3) for start in range(len(marked) - length + 1)}


def embed_spelling(words: Sequence[str]) -> Vectors:
    """Unit rows (N, DIM) of words as `words_in` gives them."""
    rows = np.zeros((len(words), DIM), np.float32)
    for row, word in zip(rows, words, strict=True):
        for gram in grams(word):
            hashed = zlib.crc32(gram.encode())
            row[hashed % DIM] += 1.0 if hashed & 0x8000_0000 else -1.0
        if not row.any():  # signs that cancel out: rare enough to stand for one another
            row[0] = 1.0
        row[:] = normalize(row)
    return rows


def build_spelling_query(text: str, weight: float, prior: float) -> EvidenceQuery | None:
    """A look at the words of a text; None when it has none worth looking for. `weight` is how much
    of what it says counts."""
    words = extract_words(text)
    if not words:
        return None
    total: Vector = embed_spelling(words).sum(0, dtype=np.float32)
    bias = BIAS - CROWD * math.log(len(words))
    before = log_odds(prior)
    return EvidenceQuery("word", np.float32(weight * SLOPE) * total, before + weight * (bias - before), normalize(total))
