"""Scenes of an item, and the texts of their evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from indexes.catalog.records import NewSegment
    from mm.schemas import EvidenceKind


def get_scene(segment: NewSegment) -> tuple[float, float] | int:
    """What segments of one scene have in common; those of one shot where scenes are unknown."""
    return segment.scene or segment.shot


def list_texts(segments: Iterable[NewSegment], kind: EvidenceKind) -> list[str]:
    """Texts of one kind of evidence in the order of time, without repetitions."""
    texts = (piece.text for segment in segments for piece in segment.evidence if piece.kind == kind)
    return list(dict.fromkeys(text for text in texts if text))


def shorten(text: str, max_chars: int) -> str:
    """A text of at most `max_chars` characters; one that is cut ends with an ellipsis."""
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"
