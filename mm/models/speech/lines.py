"""Lines of speech: hallucinations of the recognizer are removed, long lines are split."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

MAX_SECONDS = 12.0  # a longer line is split between its sentences
MIN_WORDS = 3  # a shorter sentence is merged with its neighbour
MIN_REPEATS = 3  # a phrase repeated this often in a row is a hallucination
MAX_LETTERS_PER_SECOND = 35.0  # about twice the rate of an auctioneer

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")
_REPETITION = re.compile(rf"\b(.{{2,60}}?)(?:[\s,.]+\1\b){{{MIN_REPEATS - 1},}}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SpeechLine:
    """The words spoken from `start` to `end`, in seconds."""

    start: float
    end: float
    text: str
    language: str = ""
    """Code of the language, such as `en`, of which the words are."""
    is_identified: bool = False
    """Whether the language was found from the sound; otherwise the recognizer assumes it."""


def filter_lines(lines: Iterable[SpeechLine]) -> list[SpeechLine]:
    """Strip the texts and remove lines that are hallucinations of the recognizer.

    These have no word, more letters than can be spoken in their time, or a phrase repeated in a
    row.
    """
    return [line for line in (replace(line, text=line.text.strip()) for line in lines) if _is_plausible(line)]


def _is_plausible(line: SpeechLine) -> bool:
    words = _WORD.findall(line.text)
    letters = sum(map(len, words))
    return (
        bool(words) and letters <= MAX_LETTERS_PER_SECOND * max(line.end - line.start, 0.1) and not _REPETITION.search(line.text)
    )


def split_line(line: SpeechLine, max_seconds: float = MAX_SECONDS) -> list[SpeechLine]:
    """Split a line longer than `max_seconds` into sentences.

    Each sentence gets a share of the time in proportion to its length.
    """
    if line.end - line.start <= max_seconds:
        return [line]
    sentences = _sentences(line.text)
    lengths = [len(sentence) for sentence in sentences]
    seconds_per_letter = (line.end - line.start) / max(sum(lengths), 1)
    lines: list[SpeechLine] = []
    start = line.start
    for index, (sentence, length) in enumerate(zip(sentences, lengths, strict=True)):
        end = line.end if index == len(sentences) - 1 else start + length * seconds_per_letter
        lines.append(replace(line, start=start, end=end, text=sentence))
        start = end
    return lines


def _sentences(text: str) -> list[str]:
    """The sentences of a text; one shorter than `MIN_WORDS` is merged with its neighbour."""
    joined: list[str] = []
    for sentence in _SENTENCE_END.split(text):
        if joined and (len(_WORD.findall(sentence)) < MIN_WORDS or len(_WORD.findall(joined[-1])) < MIN_WORDS):
            joined[-1] = f"{joined[-1]} {sentence}"
        else:
            joined.append(sentence)
    return joined
