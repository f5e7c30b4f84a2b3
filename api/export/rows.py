"""What files of hits and of entries of albums have of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mm.schemas import AlbumEntry, Band, Hit, Item


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """A time range of an item, and of a hit also why it matches."""

    item: Item
    start: float
    end: float
    thumbnail_time: float
    """Seconds of its image in a contact sheet."""
    caption: str = ""
    band: Band | None = None
    score: float | None = None
    best: tuple[float, float] | None = None
    """Start and end of the best segment."""
    evidence: str = ""
    words: str = ""
    """The strongest speech or text."""

    @classmethod
    def from_hit(cls, hit: Hit) -> ExportRow:
        """What is written of a hit."""
        words = next((piece.text for piece in hit.evidence if piece.kind in {"speech", "written"} and piece.text), "")
        pieces = (f"{piece.kind} {piece.score:.3f}{f' {piece.text}' if piece.text else ''}" for piece in hit.evidence)
        return cls(
            item=hit.item,
            start=hit.start,
            end=hit.end,
            thumbnail_time=_parse_time(hit.thumbnail),
            caption=hit.caption or "",
            band=hit.band,
            score=hit.score,
            best=(hit.best_start, hit.best_end),
            evidence="; ".join(pieces),
            words=words or "",
        )

    @classmethod
    def from_entry(cls, entry: AlbumEntry) -> ExportRow:
        """What is written of an entry; a whole item ends with it."""
        is_whole = entry.start is None or entry.end is None
        return cls(
            item=entry.item,
            start=0.0 if entry.start is None else entry.start,
            end=entry.item.duration if entry.end is None else entry.end,
            thumbnail_time=_parse_time(entry.thumbnail),
            caption=(entry.item.caption or "") if is_whole else "",
        )


def _parse_time(thumbnail: str) -> float:
    return float(thumbnail.rpartition("t=")[2])
