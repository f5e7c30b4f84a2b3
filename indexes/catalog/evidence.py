"""Evidence: inserted for segments, and read with its segment and its item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar, cast

from sqlalchemy import ColumnElement, delete, func, insert, or_, select

from indexes.catalog.base import ROWS_PER_STATEMENT, CatalogMixin
from indexes.catalog.captions import select_caption_of_segment
from indexes.catalog.records import EvidenceRow, NewEvidence, NewSegment, SpokenLanguage
from indexes.catalog.tables import Evidence, Item, Segment
from indexes.catalog.tables import SpokenLanguage as SpokenLanguageTable
from mm.schemas import EvidenceKind

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from mm.spaces.types import SpaceId

Value = TypeVar("Value")

_COLUMNS = (
    select(
        Evidence.pk, Item.pk, Item.id, Evidence.kind, Evidence.start, Evidence.end, Evidence.text, Evidence.shard_id,
        Evidence.row, Evidence.language, Segment.index, Segment.start, Segment.end, Segment.shot, Segment.scene_start,
        Segment.scene_end,
    )
    .join(Segment, Segment.pk == Evidence.segment_pk)
    .join(Item, Item.pk == Segment.item_pk)
)  # fmt: skip


class EvidenceRows(CatalogMixin):
    def list_evidence(self, item_pks: Sequence[int], space: SpaceId) -> list[EvidenceRow]:
        """Return all evidence of items in a space, ordered by item, segment and key.

        Deleted items have none.
        """
        rows: list[EvidenceRow] = []
        order = (Segment.item_pk, Segment.index, Evidence.pk)
        with self._database.read() as session:
            for pks in batches(sorted(item_pks)):
                query = _COLUMNS.where(Segment.space == str(space), Segment.item_pk.in_(pks)).order_by(*order)
                rows += [_evidence_row(*row) for row in session.execute(query).tuples()]
        return rows

    def get_evidence(self, pks: Sequence[int]) -> dict[int, EvidenceRow]:
        """Return evidence by key, with captions. Deleted evidence is left out."""
        rows: dict[int, EvidenceRow] = {}
        with self._database.read() as session:
            for batch in batches(pks):
                query = _COLUMNS.add_columns(select_caption_of_segment()).where(Evidence.pk.in_(batch))
                for row in session.execute(query).tuples():
                    rows[row[0]] = _evidence_row(*row)
        return rows

    def list_texts_with(self, space: SpaceId, kinds: Sequence[EvidenceKind], fragments: Sequence[str], limit: int) -> list[str]:
        """Return up to `limit` texts of evidence that have one of the fragments, the latest first.

        Upper and lower case are the same, in SQLite only for letters of ASCII.
        """
        has_fragment = [func.lower(Evidence.text).contains(fragment, autoescape=True) for fragment in fragments]
        query = (
            select(Evidence.text)
            .join(Segment, Segment.pk == Evidence.segment_pk)
            .join(Item, Item.pk == Segment.item_pk)
            .where(Segment.space == str(space), Evidence.kind.in_(kinds), or_(*has_fragment))
            .order_by(Evidence.pk.desc())
            .limit(limit)
        )
        with self._database.read() as session:
            return [text for text in session.scalars(query) if text]


def insert_evidence(session: Session, pk_of: Mapping[int, int], evidence: Mapping[int, Sequence[NewEvidence]]) -> int:
    """Insert the evidence of segments, by segment index. Returns how many rows.

    `pk_of` has the key of each segment; evidence of other segments is left out.
    """
    rows = [
        {
            "segment_pk": pk_of[index],
            "kind": piece.kind,
            "start": piece.start,
            "end": piece.end,
            "text": piece.text,
            "shard_id": piece.shard_id,
            "row": piece.row,
            "language": piece.language,
        }
        for index, pieces in evidence.items()
        if index in pk_of
        for piece in pieces
    ]
    if rows:
        session.execute(insert(Evidence), rows)
    return len(rows)


def record_languages(session: Session, item_pk: int, segments: Sequence[NewSegment]) -> None:
    """Replace the languages of an item by those of the speech in its segments."""
    seconds: dict[str, float] = {}
    is_identified: dict[str, bool] = {}
    for piece in (piece for segment in segments for piece in segment.evidence):
        if (code := piece.language) is not None:
            seconds[code] = seconds.get(code, 0.0) + piece.end - piece.start
            is_identified[code] = is_identified.get(code, True) and piece.is_identified
    session.execute(delete(SpokenLanguageTable).where(SpokenLanguageTable.item_pk == item_pk))
    session.add_all(
        SpokenLanguageTable(item_pk=item_pk, language=code, seconds=length, is_identified=is_identified[code])
        for code, length in seconds.items()
    )


def read_languages(session: Session, item_pks: Sequence[int]) -> dict[int, tuple[SpokenLanguage, ...]]:
    """Return the languages of items by the key of the item, the longest first."""
    languages: dict[int, tuple[SpokenLanguage, ...]] = {}
    order = (SpokenLanguageTable.seconds.desc(), SpokenLanguageTable.language)
    for keys in batches(item_pks):
        for row in session.scalars(select(SpokenLanguageTable).where(SpokenLanguageTable.item_pk.in_(keys)).order_by(*order)):
            found = SpokenLanguage(row.language, row.seconds, row.is_identified)
            languages[row.item_pk] = (*languages.get(row.item_pk, ()), found)
    return languages


def select_spoken(language: str) -> ColumnElement[bool]:
    """Return the condition on items in which a language is spoken."""
    spoken = select(SpokenLanguageTable.item_pk).where(SpokenLanguageTable.language == language.lower())
    return Item.pk.in_(spoken)


def batches(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    """Split values into batches for one statement each."""
    return (values[start : start + ROWS_PER_STATEMENT] for start in range(0, len(values), ROWS_PER_STATEMENT))


def _evidence_row(
    pk: int, item_pk: int, item_id: str, kind: str, start: float, end: float, text: str | None, shard_id: str, row: int,
    language: str | None,
    index: int, segment_start: float, segment_end: float, shot: int, scene_start: float | None, scene_end: float | None,
    caption: str | None = None,
) -> EvidenceRow:  # fmt: skip
    scene = None if scene_start is None or scene_end is None else (scene_start, scene_end)
    return EvidenceRow(
        pk, item_pk, item_id, cast(EvidenceKind, kind), start, end, text, shard_id, row,
        index, segment_start, segment_end, shot, scene, caption, language,
    )  # fmt: skip
