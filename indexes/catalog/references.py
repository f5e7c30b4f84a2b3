"""Which files of the library the catalog refers to, for garbage collection and recovery."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select

from indexes.catalog.base import ROWS_PER_STATEMENT, CatalogMixin
from indexes.catalog.items import item_rows
from indexes.catalog.records import ItemRow
from indexes.catalog.tables import Chunk, Evidence, InspectionResult, Item, ReleasedFile
from indexes.catalog.tables.visibility import WITH_TRASH


class ReferenceRows(CatalogMixin):
    def find_unreferenced_blobs(self, sha256s: Sequence[str]) -> set[str]:
        """Return the blobs that belong to no item, also none in the trash."""
        query = select(Item.sha256).where(Item.sha256.in_(sha256s)).execution_options(**WITH_TRASH)
        with self._database.read() as session:
            return set(sha256s) - set(session.scalars(query))

    def find_unreferenced_shards(self, shard_ids: Sequence[str]) -> set[str]:
        """Return the shards to which neither evidence nor a chunk refers."""
        with self._database.read() as session:
            referenced = set(session.scalars(select(Evidence.shard_id).where(Evidence.shard_id.in_(shard_ids))))
            referenced |= set(session.scalars(select(Chunk.shard_id).where(Chunk.shard_id.in_(shard_ids))))
        return set(shard_ids) - referenced

    def find_unreferenced_heat_maps(self, digests: Sequence[str]) -> set[str]:
        """Return the heat maps that belong to no result."""
        with self._database.read() as session:
            referenced = select(InspectionResult.heat).where(InspectionResult.heat.in_(digests))
            return set(digests) - {digest for digest in session.scalars(referenced) if digest is not None}

    def find_missing_items(self, ids: Sequence[str]) -> set[str]:
        """Return the ids that are no item, also none in the trash."""
        query = select(Item.id).where(Item.id.in_(ids)).execution_options(**WITH_TRASH)
        with self._database.read() as session:
            return set(ids) - set(session.scalars(query))

    def find_items_by_blob(self, sha256s: Sequence[str]) -> list[ItemRow]:
        """Return the items with these blobs, also those in the trash."""
        query = select(Item).where(Item.sha256.in_(sha256s)).execution_options(**WITH_TRASH)
        with self._database.read() as session:
            return item_rows(session, session.scalars(query).all())

    def find_released(self, digests: Sequence[str]) -> set[str]:
        """Return the files whose row was removed by a command."""
        with self._database.read() as session:
            return set(session.scalars(select(ReleasedFile.digest).where(ReleasedFile.digest.in_(digests))))

    def delete_released(self, digests: Sequence[str]) -> None:
        """Delete the records of released files that are deleted or referenced again."""
        with self._database.write() as session:
            for start in range(0, len(digests), ROWS_PER_STATEMENT):
                batch = digests[start : start + ROWS_PER_STATEMENT]
                session.execute(delete(ReleasedFile).where(ReleasedFile.digest.in_(batch)))
