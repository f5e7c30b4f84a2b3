"""The text of an answer: sentences with citations as in `A dog runs [1][2].`, and its parser.

Numbers count the moments of a prompt from 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mm.answers.evidence import REFUSAL, Statement

_CITATION = r"\[[0-9]{1,4}\]"
_UNCITED = r"[^\[]*(?:\[(?![0-9]{1,4}\])[^\[]*)*"
_CITED = re.compile(rf"(?P<text>{_UNCITED})(?P<cites>{_CITATION}(?:[\s,]*{_CITATION})*)[ .!?]*")
_NUMBER = re.compile(r"\[([0-9]{1,4})\]")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'(])")
_REFUSAL_WORDS = re.sub(r"\W+", " ", REFUSAL).strip().lower()


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a generated answer without its citations, and the numbers that it cites."""

    text: str
    citations: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """A generated answer by sentences; a refusal has none."""

    sentences: tuple[Sentence, ...]
    is_refusal: bool


def format_sentence(text: str, citations: Sequence[int]) -> str:
    """A sentence with its citations before the period: `A dog runs [1][2].`"""
    if not citations:
        return text
    numbers = "".join(f"[{number}]" for number in citations)
    return f"{text.rstrip().removesuffix('.')} {numbers}."


def format_answer(statements: Sequence[Statement], number_of: Mapping[str, int]) -> str:
    """An answer as text. Citations of ids without a number are left out."""
    return " ".join(
        format_sentence(statement.text, [number_of[cited] for cited in statement.cites if cited in number_of])
        for statement in statements
    )


def parse_answer(text: str) -> ParsedAnswer:
    """Parse a generated text. A text that begins with the refusal is a refusal, and an empty one.

    A sentence ends after its citations; text without citations is divided at periods. Repeated
    numbers of one sentence count once.
    """
    text = text.strip()
    words = re.sub(r"\W+", " ", text).strip().lower()
    if not words or words.startswith(_REFUSAL_WORDS):
        return ParsedAnswer((), True)
    sentences: list[Sentence] = []
    position = 0
    for match in _CITED.finditer(text):
        *uncited, last = _split_sentences(match["text"])
        sentences += [Sentence(part) for part in uncited]
        numbers = tuple(dict.fromkeys(int(number) for number in _NUMBER.findall(match["cites"])))
        sentences.append(Sentence(_end(last), numbers))
        position = match.end()
    sentences += [Sentence(part) for part in _split_sentences(text[position:])]
    return ParsedAnswer(tuple(sentence for sentence in sentences if re.search(r"\w", sentence.text)), False)


def _split_sentences(text: str) -> list[str]:
    """The sentences of a text without citations; a quotation is not divided."""
    sentences = [""]
    for part in _SENTENCE_END.split(text.strip()):
        if sentences[-1].count('"') % 2:
            sentences[-1] += f" {part}"
        else:
            sentences.append(part)
    return sentences[1:]


def _end(text: str) -> str:
    """A sentence with a final mark."""
    return text if not text or text[-1] in ".!?" else f"{text}."
