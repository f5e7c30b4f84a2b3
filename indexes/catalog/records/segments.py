"""Values of segments, their evidence, and their publication to searchers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mm.schemas import EvidenceKind


@dataclass(frozen=True, slots=True)
class NewEvidence:
    """Evidence of a segment. Its vector is `row` of the matrix of its kind in the shard."""

    kind: EvidenceKind
    start: float
    end: float
    text: str | None
    shard_id: str
    row: int


@dataclass(frozen=True, slots=True)
class NewSegment:
    """A time range of an item with its evidence, the unit of search results."""

    start: float
    end: float
    shot: int
    evidence: Sequence[NewEvidence]
    scene: tuple[float, float] | None = None
    """Start and end of the scene that contains it; None where scenes are not detected."""
    unread: bool = False
    """Whether text recognition is still to run on an image of it."""


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One piece of evidence with the segment and the item that it belongs to."""

    pk: int
    item_pk: int
    item_id: str
    kind: EvidenceKind
    start: float
    end: float
    text: str | None
    shard_id: str
    row: int
    """Row of its vector in the matrix of its kind in the shard."""
    segment_index: int
    segment_start: float
    segment_end: float
    shot: int
    scene: tuple[float, float] | None
    """Start and end of the scene that contains the segment."""


@dataclass(frozen=True, slots=True)
class PublicationRow:
    """An item that became searchable. Sequence numbers increase in the order of commits."""

    seq: int
    item_pk: int
    num_evidence: int


@dataclass(frozen=True, slots=True)
class CatalogChanges:
    """Changes of a space after some sequence number."""

    head: int
    """The latest sequence number."""
    publications: Sequence[PublicationRow]
    """The first publications in order, up to a limit."""
    tombstones: Sequence[int]
    """Sequence numbers of all publications that were withdrawn."""
