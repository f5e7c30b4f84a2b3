"""Values of segments, their evidence, and their publication to searchers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mm.schemas import EvidenceKind
from mm.spaces.encode.evidence import TextImage


@dataclass(frozen=True, slots=True)
class NewEvidence:
    """Evidence of a segment. Its vector is `row` of the matrix of its kind in the shard."""

    kind: EvidenceKind
    start: float
    end: float
    text: str | None
    shard_id: str
    row: int
    language: str | None = None
    """Of speech: code of the language; None where it is unknown."""
    is_identified: bool = False
    """Whether the language was found from the sound; otherwise the recognizer assumes it."""


@dataclass(frozen=True, slots=True)
class NewSegment:
    """A time range of an item with its evidence, the unit of search results."""

    start: float
    end: float
    shot: int
    evidence: Sequence[NewEvidence]
    scene: tuple[float, float] | None = None
    """Start and end of the scene that contains it; None where scenes are not detected."""
    unread: Sequence[TextImage] = ()
    """Images of it on which text recognition is still to run."""
    num_read: int = 0
    """Images of it on which text recognition has run."""
    caption: str | None = None
    """Caption at its start; only of segments that are read from the catalog."""


@dataclass(frozen=True, slots=True)
class CaptionRow:
    """The caption of an image, or of a scene of a video. Both times are 0 for an image."""

    start: float
    end: float
    frame_time: float
    """Seconds of the frame that it describes."""
    text: str
    model: str
    """Version of the model that wrote it."""
    confidence: float
    """Probability that it describes the frame."""


@dataclass(frozen=True, slots=True)
class NewCaption(CaptionRow):
    """A caption with the segments that it is evidence of."""

    segments: Sequence[int]
    """Indices of segments."""
    evidence: NewEvidence | None
    """None for a caption that is not searched; it replaces the evidence of an earlier one too."""


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
    caption: str | None = None
    """Caption at the start of the segment; only from `get_evidence`."""
    language: str | None = None
    """Of speech: code of the language; None where it is unknown."""


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
