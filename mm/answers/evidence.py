"""Retrieved moments with their evidence, and the statements of an answer that cite them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

REFUSAL = "The library does not show that."
"""The answer when no retrieved moment holds one."""
Kind = Literal["picture", "speech", "written", "sound", "name"]
"""What a text is about: what is visible, what is said, what is written in the frame, which sound is
audible, and the name of the file."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A text about a moment."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class EvidenceMoment:
    """A retrieved time range of an item; start and end of a photo are both 0."""

    id: str
    """Handle for citations, unique among the moments of a question."""
    item: str
    """Name of the file."""
    start: int
    """Seconds."""
    end: int
    scene: int | None
    """Number of the scene in its item, from 1; None without scenes."""
    evidence: tuple[Evidence, ...]
    source: str
    """Id of the item, or of the image that a made moment shows. It is not part of a prompt."""

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


def format_clock(seconds: int) -> str:
    """Seconds as '02:05' or '1:02:05'."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def refuse() -> tuple[Statement, ...]:
    """The answer that refuses."""
    return (Statement(REFUSAL),)


def sort_by_time(moments: Sequence[EvidenceMoment]) -> list[EvidenceMoment]:
    """The moments by item, then by time."""
    return sorted(moments, key=lambda moment: (moment.item, moment.start, moment.end))


def find_neighbour(moments: Sequence[EvidenceMoment], moment: EvidenceMoment, step: int) -> EvidenceMoment | None:
    """The moment after (step 1) or before (step -1) one in its item; None at the end."""
    timeline = [other for other in sort_by_time(moments) if other.item == moment.item]
    index = timeline.index(moment) + step
    return timeline[index] if 0 <= index < len(timeline) else None
