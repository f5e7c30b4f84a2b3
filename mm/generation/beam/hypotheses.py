"""The hypotheses of a beam search, while it runs and at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mm.generation.sequence import Sequence
from mm.generation.text_stream import TextStream

if TYPE_CHECKING:
    from mm.generation.request import Request
    from mm.generation.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class BeamCandidate:
    """One of the last texts of a request."""

    token_ids: tuple[int, ...]
    """Without the end token."""
    logprob: float
    """Sum of the natural log probabilities, that of the end token included."""
    length: int
    """Tokens, the end token included."""
    is_complete: bool
    """Whether it ended with an end token, before `max_tokens`."""

    @property
    def mean_logprob(self) -> float:
        """In nats a token."""
        return self.logprob / max(self.length, 1)


@dataclass(frozen=True, slots=True)
class BeamOutput:
    """The last texts of a request, at least one and at most as many as the search is wide.

    They are in descending order of the log probability divided by length ** `length_penalty`.
    """

    request_id: str
    candidates: tuple[BeamCandidate, ...]

    @property
    def best(self) -> BeamCandidate:
        return self.candidates[0]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """`sequence` is None once the text has ended; `length` counts the end token."""

    token_ids: tuple[int, ...]
    logprob: float
    length: int
    sequence: Sequence | None


class Prompt:
    """A request in progress with its hypotheses, in descending order of their log probability."""

    def __init__(self, request: Request, vocabulary: Vocabulary) -> None:
        self.request = request
        self.vocabulary = vocabulary
        self.hypotheses = [Hypothesis((), 0.0, 0, self.start_sequence(()))]

    @property
    def is_done(self) -> bool:
        ended = all(hypothesis.sequence is None for hypothesis in self.hypotheses)
        return ended or max(hypothesis.length for hypothesis in self.hypotheses) >= self.request.params.max_tokens

    def start_sequence(self, token_ids: tuple[int, ...]) -> Sequence:
        """A sequence of the prompt and these tokens after it, of which nothing is computed."""
        sequence = Sequence(self.request, 0, 0, TextStream(self.vocabulary), None)
        sequence.token_ids += token_ids
        return sequence
