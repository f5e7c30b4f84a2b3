"""Items: added, retried, looked up, listed and deleted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from sqlalchemy import Select, delete, func, select
from sqlalchemy.exc import IntegrityError

from indexes.catalog.audit import LOCAL, Actor, AuditDetail, add_audit
from indexes.catalog.base import (
    CatalogMixin,
    add_tombstones,
    mark_released,
    next_revision,
    shards_of_jobs,
    shards_of_segments,
)
from indexes.catalog.captions import read_first_captions
from indexes.catalog.captures import make_capture_row, read_captures, read_places
from indexes.catalog.curation.restore import find_or_add_job, restore_item
from indexes.catalog.cursors import format_cursor, parse_cursor
from indexes.catalog.evidence import read_languages
from indexes.catalog.queue.transitions import INGEST, OPEN_STATES, job_row, transition_job
from indexes.catalog.queue.unread_text import read_text_progress
from indexes.catalog.records import Counts, ItemFilters, ItemRow, JobRow, NewItem, TextProgress
from indexes.catalog.tables import Chunk, Evidence, InspectionResult, Item, Job, Segment, Tag
from indexes.catalog.tables.visibility import WITH_TRASH
from mm.errors import InvalidInput
from mm.schemas import ItemStatus, JobState, Kind

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

ITEM_ID = re.compile(r"[0-9a-f]{32}")
ID_DIGITS = 32
MAX_TAGS = 1000
"""Tags in one filter; databases limit the length of a statement."""


class ItemRows(CatalogMixin):
    def add_item(self, new: NewItem, by: Actor = LOCAL) -> tuple[ItemRow, JobRow, bool]:
        """Add an item. Returns it, its latest job, and whether the item was created.

        When an item with the same bytes exists, only its tags are added; if it failed or was
        cancelled, it gets a new job. One in the trash is restored. Changes are recorded for `by` in
        the audit log.
        """
        with self._database.write() as session:
            item = self._lock_item(session, new.sha256)
            created = False
            if item is None:
                item, created = self._insert_item(session, new)
            elif item.trashed_at is not None:
                restore_item(session, item, self._now(), by, new.request_id, new.key_id)
            added_tags = _add_tags(session, item.pk, new.tags)
            job, job_created = find_or_add_job(session, item, self._now(), new.request_id, new.key_id)
            if added_tags and not created:
                item.version, item.is_described = item.version + 1, False
            detail: AuditDetail = {"name": new.name, "job": job.id, "tags": added_tags}
            retried = job_created and not created
            tagged_again = added_tags and not created
            for action, happened in (("item.add", created), ("item.retry", retried), ("item.tag", tagged_again)):
                if happened:
                    add_audit(session, self._now(), by, action, item.id, detail)
            session.flush()
            next_revision(session)
            return item_rows(session, [item])[0], job_row(job), created

    def retry_item(
        self, item_id: str, request_id: str | None, key_id: str | None = None, by: Actor = LOCAL
    ) -> tuple[ItemRow, JobRow] | None:
        """Create a new job for an item that failed, is quarantined or was cancelled.

        Returns the item and its latest job, None if there is no such item. A new job is recorded
        for `by` in the audit log.
        """
        if not ITEM_ID.fullmatch(item_id):
            return None
        with self._database.write() as session:
            item = session.scalar(select(Item).where(Item.id == item_id).with_for_update())
            if item is None:
                return None
            job, created = find_or_add_job(session, item, self._now(), request_id, key_id)
            if created:
                add_audit(session, self._now(), by, "item.retry", item.id, {"name": item.name, "job": job.id})
                session.flush()
                next_revision(session)
            return item_rows(session, [item])[0], job_row(job)

    def get_item(self, item_id: str, *, with_trash: bool = False) -> ItemRow | None:
        """Return an item, None if there is none. One in the trash only `with_trash`."""
        if not ITEM_ID.fullmatch(item_id):
            return None
        query = select(Item).where(Item.id == item_id)
        with self._database.read() as session:
            item = session.scalar(query.execution_options(**WITH_TRASH) if with_trash else query)
            return None if item is None else item_rows(session, [item])[0]

    def get_item_of_job(self, job_id: str) -> ItemRow | None:
        """Return the item of a job, None if either was deleted."""
        with self._database.read() as session:
            item = session.scalar(select(Item).join(Job, Job.item_pk == Item.pk).where(Job.id == job_id))
            return None if item is None else item_rows(session, [item])[0]

    def list_items(self, filters: ItemFilters, limit: int, cursor: str | None = None) -> tuple[list[ItemRow], str | None]:
        """Return up to `limit` items, newest first, and the cursor of the next page.

        The cursor is None on the last page. Items that are added later appear on no following page.
        Raises `InvalidInput` for a malformed cursor.
        """
        query = select(Item).order_by(Item.pk.desc()).limit(limit + 1)
        if cursor is not None:
            query = query.where(Item.pk < parse_cursor(cursor))
        if filters.kinds:
            query = query.where(Item.kind.in_(filters.kinds))
        if filters.status is not None:
            query = query.where(Item.status == filters.status)
        if filters.tags:
            query = query.where(Item.pk.in_(select_tagged(filters.tags)))
        if filters.favourite is not None:
            query = query.where(Item.favourite.is_(filters.favourite))
        with self._database.read() as session:
            items = session.scalars(query).all()
            rows = item_rows(session, items[:limit])
            return rows, format_cursor(items[limit - 1].pk) if len(items) > limit else None

    def delete_item(self, item_id: str, by: Actor = LOCAL) -> bool:
        """Delete an item for good with its segments, cancel its job, and add tombstones.

        Returns False if there is no such item. Its jobs and their events stay. Its blob, shards and
        heat maps are marked as released; the caller may delete the blob at once, and garbage
        collection deletes the rest. The deletion is recorded for `by` in the audit log.
        """
        with self._database.write() as session:
            item = session.scalar(select(Item).where(Item.id == item_id).with_for_update().execution_options(**WITH_TRASH))
            if item is None:
                return False
            jobs = session.scalars(select(Job).where(Job.item_pk == item.pk).order_by(Job.pk).with_for_update()).all()
            for job in jobs:
                if job.state in OPEN_STATES:
                    transition_job(session, job, self._now(), state="cancelled", stage="the item was deleted")
            shards = shards_of_segments(session, Segment.item_pk == item.pk) | shards_of_jobs(session, Job.item_pk == item.pk)
            heat_maps = set(session.scalars(select(InspectionResult.heat).where(InspectionResult.item_pk == item.pk)))
            session.execute(delete(Chunk).where(Chunk.job_pk.in_([job.pk for job in jobs])))
            add_tombstones(session, item.pk)
            session.execute(delete(Item).where(Item.pk == item.pk))
            detail: AuditDetail = {"name": item.name, "sha256": item.sha256, "size": item.size, "status": item.status}
            add_audit(session, self._now(), by, "item.delete", item.id, detail)
            next_revision(session)
            mark_released(session, [item.sha256, *shards, *heat_maps])
            return True

    def count_rows(self) -> Counts:
        """Count the rows of the library."""
        with self._database.read() as session:
            items, segments, evidence = (
                session.execute(select(func.count()).select_from(table)).scalar_one() for table in (Item, Segment, Evidence)
            )
            jobs: dict[JobState, int] = dict.fromkeys(("queued", "running", "done", "failed", "quarantined", "cancelled"), 0)
            by_state = select(Job.state, func.count()).where(Job.reindex_pk.is_(None), Job.kind == INGEST).group_by(Job.state)
            for state, num_jobs in session.execute(by_state):
                jobs[cast(JobState, state)] = num_jobs
        return Counts(items, segments, evidence, jobs)

    def _lock_item(self, session: Session, sha256: str) -> Item | None:
        query = select(Item).where(Item.sha256 == sha256).with_for_update()
        return session.scalar(query.execution_options(**WITH_TRASH))

    def _insert_item(self, session: Session, new: NewItem) -> tuple[Item, bool]:
        item = Item(
            id=new.sha256[:ID_DIGITS],
            sha256=new.sha256,
            name=new.name,
            kind=new.kind,
            content_type=new.content_type,
            size=new.size,
            duration=new.duration,
            width=new.width,
            height=new.height,
            fps=new.fps,
            has_audio=new.has_audio,
            status="processing",
            error=None,
            created_at=new.created_at or self._now(),
            favourite=False,
            version=1,
            is_described=True,
        )
        try:
            with session.begin_nested():
                session.add(item)
                session.flush()
                if new.capture is not None:
                    session.add(make_capture_row(item.pk, new.capture))
        except IntegrityError:  # PostgreSQL: another transaction inserted the same bytes at the same time
            other = self._lock_item(session, new.sha256)
            if other is None:
                raise
            return other, False
        return item, True


def select_tagged(tags: Iterable[str]) -> Select[tuple[int]]:
    """Select the keys of the items that have all tags.

    Raises `InvalidInput` for more than `MAX_TAGS`.
    """
    distinct = sorted(set(tags))
    if len(distinct) > MAX_TAGS:
        raise InvalidInput(f"The filter has {len(distinct):,} tags; the limit is {MAX_TAGS:,}.")
    return select(Tag.item_pk).where(Tag.tag.in_(distinct)).group_by(Tag.item_pk).having(func.count() == len(distinct))


def item_rows(session: Session, items: Sequence[Item]) -> list[ItemRow]:
    """Return the values of items with their tags, in the same order."""
    tags: dict[int, list[str]] = {item.pk: [] for item in items}
    for item_pk, tag in session.execute(select(Tag.item_pk, Tag.tag).where(Tag.item_pk.in_(tags)).order_by(Tag.tag)):
        tags[item_pk].append(tag)
    text = read_text_progress(session, list(tags))
    captions = read_first_captions(session, list(tags))
    captures = read_captures(session, list(tags))
    places = read_places(session, list(tags))
    languages = read_languages(session, list(tags))
    return [
        ItemRow(
            id=item.id,
            sha256=item.sha256,
            name=item.name,
            kind=cast(Kind, item.kind),
            content_type=item.content_type,
            size=item.size,
            duration=item.duration,
            width=item.width,
            height=item.height,
            fps=item.fps,
            has_audio=item.has_audio,
            tags=tuple(sorted(tags[item.pk])),
            status=cast(ItemStatus, item.status),
            error=item.error,
            created_at=item.created_at,
            text=text.get(item.pk, TextProgress()),
            caption=captions.get(item.pk),
            capture=captures.get(item.pk),
            place=places.get(item.pk, ""),
            languages=languages.get(item.pk, ()),
            favourite=item.favourite,
            version=item.version,
            trashed_at=item.trashed_at,
        )
        for item in items
    ]


def _add_tags(session: Session, item_pk: int, tags: Iterable[str]) -> list[str]:
    """Add tags to an item. Returns those that it did not have."""
    present = set(session.scalars(select(Tag.tag).where(Tag.item_pk == item_pk)))
    added = sorted(set(tags) - present)
    session.add_all([Tag(item_pk=item_pk, tag=tag) for tag in added])
    return added
