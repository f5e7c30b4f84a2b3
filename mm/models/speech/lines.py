"""Lines of speech: what a recogniser gives, cleaned of what it made up, and cut into sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

LONGEST = 12.0  # seconds; a longer line is cut between its sentences
SHORTEST_WORDS = 3  # a sentence of fewer words stays with its neighbour
REPEATS = 3  # a phrase said this often in a row is the recogniser stuck, not a person
FASTEST = 35.0  # letters a second; nobody speaks twice as fast as an auctioneer

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_STUCK = re.compile(rf"\b(.{{2,60}}?)(?:[\s,.]+\1\b){{{REPEATS - 1},}}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SpeechLine:
    """What was said from `start` to `end`, in seconds."""

    start: float
    end: float
    text: str


def filter_lines(lines: Iterable[SpeechLine]) -> list[SpeechLine]:
    """Lines with words in them; those that show a sure sign of being made up are left out.

    Signs: no word at all, more letters than anyone could say in the time, the same phrase over and
    over.
    """
    return [line for line in (SpeechLine(line.start, line.end, line.text.strip()) for line in lines) if _was_said(line)]


def _was_said(line: SpeechLine) -> bool:
    words = _WORD.findall(line.text)
    spoken = sum(map(len, words))
    return bool(words) and spoken <= FASTEST * max(line.end - line.start, 0.1) and not _STUCK.search(line.text)


def split_line(line: SpeechLine, longest: float = LONGEST) -> list[SpeechLine]:
    """A line over `longest` seconds in parts of whole sentences, each with its share of the time by
    its letters."""
    if line.end - line.start <= longest:
        return [line]
    sentences = _sentences(line.text)
    letters = [len(sentence) for sentence in sentences]
    a_letter = (line.end - line.start) / max(sum(letters), 1)
    parts: list[SpeechLine] = []
    start = line.start
    for index, (sentence, length) in enumerate(zip(sentences, letters, strict=True)):
        end = line.end if index == len(sentences) - 1 else start + length * a_letter
        parts.append(SpeechLine(start, end, sentence))
        start = end
    return parts


def _sentences(text: str) -> list[str]:
    """Sentences of a text; very short ones are joined to the one before."""
    joined: list[str] = []
    for sentence in _SENTENCE_END.split(text):
        if joined and (len(_WORD.findall(sentence)) < SHORTEST_WORDS or len(_WORD.findall(joined[-1])) < SHORTEST_WORDS):
            joined[-1] = f"{joined[-1]} {sentence}"
        else:
            joined.append(sentence)
    return joined
