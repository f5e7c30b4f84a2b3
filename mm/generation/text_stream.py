"""Incremental text of a sequence of tokens: valid UTF-8 at each step, cut before a stop string."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.generation.vocabulary import Vocabulary


class TextStream:
    """Converts tokens to text as they arrive.

    Bytes of an incomplete character, and text that may be the begin of a stop string, are held
    until later tokens decide. The joined results are independent of how the text is split into
    tokens. Invalid UTF-8 becomes U+FFFD, as in `bytes.decode(errors="replace")`.
    """

    def __init__(self, vocabulary: Vocabulary, stop: Sequence[str] = ()) -> None:
        self._vocabulary = vocabulary
        self._stop = tuple(stop)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self.is_stopped = False
        """A stop string was found: the text is complete."""

    def push(self, token_id: int) -> str:
        """Return the text that is certain after this token."""
        text = self._decoder.decode(self._vocabulary.text_bytes(token_id))
        return self._take(text) if self._stop else text

    def finish(self) -> str:
        """Return the held text at the end of generation; '' after a stop string."""
        text = self._take(self._decoder.decode(b"", final=True)) + self._held
        self._held = ""
        return text

    def _take(self, new_text: str) -> str:
        if self.is_stopped:
            return ""
        text = self._held + new_text
        if (match := find_stop(text, self._stop)) is not None:
            self.is_stopped, self._held = True, ""
            return text[:match]
        num_held = _num_undecided(text, self._stop)
        self._held = text[len(text) - num_held :]
        return text[: len(text) - num_held]


def find_stop(text: str, stop: Sequence[str]) -> int | None:
    """Start of the stop string that is complete first; of two that end together, the longer one.

    None if the text holds no stop string.
    """
    matches = [(start + len(string), start) for string in stop if (start := text.find(string)) >= 0]
    return min(matches)[1] if matches else None


def _num_undecided(text: str, stop: Sequence[str]) -> int:
    """Length of the longest suffix of the text with which a stop string begins."""
    longest = max((len(string) for string in stop), default=0) - 1
    lengths = range(min(longest, len(text)), 0, -1)
    return next((length for length in lengths if any(string.startswith(text[-length:]) for string in stop)), 0)
