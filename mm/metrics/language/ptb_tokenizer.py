"""A tokenizer of captions in the manner of the Penn Treebank, in Python.

The COCO caption evaluation tokenizes with Stanford's PTBTokenizer 3.4.1 in Java, in lower case, and
removes punctuation. This module covers its rules for captions: contractions ("isn't" is two
tokens), words with hyphens and slashes (one token), numbers, abbreviations, quotes, brackets, web
addresses. It does not cover every rule: a score that is compared with a published one must say
'PTB-like tokenizer'. As there, brackets stay, as `-lrb-`, and symbols that the Treebank does not
have, such as emoji, are left out. Of the 30,367 training captions of Flickr8k all but one, whose
line has a file name in it, give the same tokens.
"""

from __future__ import annotations

import re

from mm.metrics.language.ngrams import Tokens

_PUNCTUATION = frozenset(("''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"))
"""Tokens that are removed; the list of the COCO code."""

_REPLACED = str.maketrans(
    {
        **dict.fromkeys("‘’‛", "'"),
        **dict.fromkeys("“”„", '"'),
        **dict.fromkeys("–—", "--"),
        "…": "...",
        "£": "#",
        "€": "$",
        "¢": " cents ",
        "½": " 1/2 ",
        "¼": " 1/4 ",
        "¾": " 3/4 ",
        "\xad": "",
    }
)
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-", '"': "''"}

_CONTRACTION = re.compile(r"(?<=\w)(n't|'(?:s|m|d|ll|re|ve))(?!\w)", re.IGNORECASE)
_TWO_WORDS = re.compile(r"\b(can)(not)\b|\b(gon|wan)(na)\b|\b(got)(ta)\b|\b(gim|lem)(me)\b|(?<!\w)('t)(is|was)\b", re.IGNORECASE)

_TOKEN = re.compile(
    r"""
      https?://\S+
    | [\w.+-]+@[\w-]+(?:\.[\w-]+)+                      # mail address
    | </?[a-z][^<>\s]*>                                 # tag
    | \.{3} | -{2,} | [?!]+ | \*+
    | (?:[a-z]\.){2,}(?!\w)(?:-\w+)* | (?-i:[A-Z]\.)(?=\s+\S)   # acronym, initial
    | (?-i:[A-Z]+&[A-Z]+)                               # R&B
    | (?:mr|mrs|ms|dr|st|ave|jr|sr|vs|etc|prof|inc|co|corp|ltd|blvd|rd|mt|ft|no|sgt|gen|col|capt|lt|rev)\.(?=\s|$)
    | n't(?!\w) | 'n'(?!\w) | 'n'(?=\w) | '(?:s|m|d|ll|re|ve|til|em|cause|\d0s|t)(?!\w)
    | [od]'[a-z]+ | y'(?=all)
    | \#?@[a-z]\w*
    | \d+(?::\d+)+ | \.?\d+(?:[.,]\d+)*[^\W_²³¹]*(?:[-/][^\W_²³¹]+)*            # number, 7pm, 1/2, 4-year-old
    | c(?:\#|\+\+)
    | [^\W_²³¹]+(?:[-/_][^\W_²³¹]+|[.?!](?=[^\W\d])[^\W_²³¹]+)*             # word
    | [²³¹] | [^\w\s\U00002600-\U000027bf\U0001f000-\U0010ffff\ud800-\udfff\u200d\ufe0f]
    """,
    re.VERBOSE | re.IGNORECASE,
)


def tokenize(text: str) -> Tokens:
    """Split a caption into tokens in lower case, without punctuation."""
    plain = text.translate(_REPLACED)
    split = _TWO_WORDS.sub(_separate, _CONTRACTION.sub(r" \1", plain))
    tokens = (_BRACKETS.get(token, token.lower()) for token in _TOKEN.findall(split))
    return tuple(token for token in tokens if token not in _PUNCTUATION)


def _separate(match: re.Match[str]) -> str:
    return " ".join(part for part in match.groups() if part)
