"""The structure of questions about retrieved moments; `mm.answers` puts it into a prompt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

REFUSAL = "The library does not show that."
"""The answer when no retrieved moment holds one."""
Kind = Literal["picture", "speech", "written"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A text about a moment: what is visible, what is said, or what is written in the frame."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class EvidenceMoment:
    """A retrieved time range of an item; start and end of a photo are both 0."""

    id: str
    """Handle for citations, unique in its example: 'm1' is the first one retrieved."""
    item: str
    start: int
    """Seconds."""
    end: int
    scene: int | None
    """Number of the scene in its item, from 1; None in a photo."""
    evidence: tuple[Evidence, ...]
    source: str
    """The image that the moment is made of; not part of a prompt."""

    def get_text(self, kind: Kind) -> str:
        """The text of one kind of evidence, or an empty string."""
        return next((entry.text for entry in self.evidence if entry.kind == kind), "")


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence, and the ids of the moments that it cites."""

    text: str
    cites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """A round of a conversation: what the user typed, and the answer."""

    question: str
    answer: tuple[Statement, ...]


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


def format_clock(seconds: int) -> str:
    """Seconds as '02:05' or '1:02:05'."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def refuse() -> tuple[Statement, ...]:
    """The answer that refuses."""
    return (Statement(REFUSAL),)
