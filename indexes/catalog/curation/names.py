"""The evidence of names that were changed: which is stale, and its replacement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from indexes.catalog.base import CatalogMixin, add_tombstones, mark_released, next_revision, next_seq
from indexes.catalog.evidence import insert_evidence
from indexes.catalog.records import NewEvidence
from indexes.catalog.tables import Evidence, Item, Publication, Segment, StaleName

if TYPE_CHECKING:
    from mm.spaces.types import SpaceId

KIND = "name"


class NameRows(CatalogMixin):
    def list_stale_names(self, space: SpaceId, limit: int) -> list[tuple[str, str]]:
        """Return id and name of up to `limit` items whose evidence has an earlier name."""
        query = (
            select(Item.id, Item.name)
            .join(StaleName, StaleName.item_pk == Item.pk)
            .where(StaleName.space == str(space))
            .order_by(Item.pk)
            .limit(limit)
        )
        with self._database.read() as session:
            return list(session.execute(query).tuples())

    def replace_name_evidence(self, item_id: str, space: SpaceId, name: str, evidence: Sequence[NewEvidence]) -> bool:
        """Replace the evidence of an item's name in a space; `evidence` is that of `name`, or none.

        Searchers load the item again. Returns False, and changes nothing, if the item was deleted,
        has another name by now, or is not searchable; in the last case no name is stale any more.
        """
        with self._database.write() as session:
            item = session.scalar(select(Item).where(Item.id == item_id).with_for_update())
            if item is None or item.name != name:
                return False
            session.execute(delete(StaleName).where(StaleName.item_pk == item.pk, StaleName.space == str(space)))
            is_published = (Publication.item_pk == item.pk, Publication.space == str(space))
            num_evidence = session.scalar(select(Publication.num_evidence).where(*is_published))
            if num_evidence is None:
                return False
            segments = select(Segment.pk).where(Segment.item_pk == item.pk, Segment.space == str(space))
            replaced = delete(Evidence).where(Evidence.kind == KIND, Evidence.segment_pk.in_(segments))
            released = session.scalars(replaced.returning(Evidence.shard_id)).all()
            first_pk = session.scalar(segments.order_by(Segment.index).limit(1))
            added = 0 if first_pk is None else insert_evidence(session, {0: first_pk}, {0: evidence})
            num_evidence += added - len(released)
            add_tombstones(session, item.pk, str(space))
            session.add(Publication(item_pk=item.pk, space=str(space), seq=next_seq(session), num_evidence=num_evidence))
            session.flush()
            next_revision(session)
            kept = {piece.shard_id for piece in evidence}
            mark_released(session, set(released) - kept)
            return True

    def count_stale_names(self, space: SpaceId) -> int:
        """Count the items whose evidence in a space has an earlier name."""
        with self._database.read() as session:
            return session.execute(select(func.count()).where(StaleName.space == str(space))).scalar_one()
