"""Questions about retrieved moments, with their answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from mm.answers.evidence import EvidenceMoment, Statement, Turn


@dataclass(frozen=True, slots=True)
class Truth:
    """What an answer is scored against."""

    right: tuple[str, ...]
    """Ids that must be cited, in the order of the answer; empty for a refusal."""
    permitted: tuple[str, ...]
    """Ids that may be cited: the right ones and those that the question refers to."""
    is_refusal: bool
    supported: tuple[Statement, ...]
    """The statements that the moments support: the answer's own, and every text of the evidence."""
    count: int | None = None
    """The number that an answer must name, for questions of counting."""


@dataclass(frozen=True, slots=True)
class EvidenceExample:
    """A question over several retrieved moments, with its answer."""

    kind: str
    split: str
    moments: tuple[EvidenceMoment, ...]
    """In the order of retrieval."""
    question: str
    """As typed."""
    template: str
    """The wording that the question was made from."""
    typing: tuple[str, ...]
    """Names of the typing variations that were applied."""
    answer: tuple[Statement, ...]
    truth: Truth
    conversation: tuple[Turn, ...] = field(default=())
    """The rounds before the question, oldest first."""
