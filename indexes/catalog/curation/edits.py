"""Changes of name, tags and favourite of items, and the descriptions that are due after them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from indexes.catalog.audit import LOCAL, Actor, AuditDetail, add_audit
from indexes.catalog.base import CatalogMixin, next_revision
from indexes.catalog.items import ITEM_ID, item_rows
from indexes.catalog.records import ItemEdit, ItemRow
from indexes.catalog.tables import Item, Publication, StaleName, Tag
from indexes.catalog.tables.visibility import WITH_TRASH
from mm.errors import Conflict, InvalidInput, NotFound

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MAX_TAGS = 32
"""Tags of one item."""


class EditRows(CatalogMixin):
    def edit_items(
        self, item_ids: Sequence[str], edit: ItemEdit, by: Actor = LOCAL, *, version: int | None = None
    ) -> dict[str, bool]:
        """Change items in one transaction. Returns by id whether the item changed.

        Unknown ids, also of items in the trash, are left out. Raises `Conflict` if an item has
        another `version` than that given, `InvalidInput` if an item would have too many tags;
        then nothing is changed.
        """
        ids = {item_id for item_id in item_ids if ITEM_ID.fullmatch(item_id)}
        with self._database.write() as session:
            items = session.scalars(select(Item).where(Item.id.in_(ids)).order_by(Item.pk).with_for_update()).all()
            changed = {item.id: self._edit(session, item, edit, by, version) for item in items}
            if any(changed.values()):
                session.flush()
                next_revision(session)
            return changed

    def edit_item(self, item_id: str, edit: ItemEdit, by: Actor = LOCAL, *, version: int | None = None) -> ItemRow:
        """Change one item and return it. Raises `NotFound`, and as `edit_items`."""
        self.edit_items([item_id], edit, by, version=version)
        with self._database.read() as session:
            item = session.scalar(select(Item).where(Item.id == item_id))
            if item is None:
                raise NotFound(f"There is no item {item_id!r:.80}.")
            return item_rows(session, [item])[0]

    def list_undescribed(self, limit: int, item_ids: Sequence[str] | None = None) -> list[ItemRow]:
        """Return up to `limit` items, of some or of all, whose descriptions are not up to date."""
        query = select(Item).where(Item.is_described.is_(False)).order_by(Item.pk).limit(limit)
        query = query if item_ids is None else query.where(Item.id.in_(item_ids))
        with self._database.read() as session:
            return item_rows(session, session.scalars(query.execution_options(**WITH_TRASH)).all())

    def mark_described(self, items: Sequence[ItemRow]) -> None:
        """Record that the descriptions of items are written, except of those changed since."""
        with self._database.write() as session:
            for item in items:
                unchanged = (Item.id == item.id, Item.version == item.version)
                in_trash = Item.trashed_at.is_(None) if item.trashed_at is None else Item.trashed_at == item.trashed_at
                session.execute(update(Item).where(*unchanged, in_trash).values(is_described=True))

    def _edit(self, session: Session, item: Item, edit: ItemEdit, by: Actor, version: int | None) -> bool:
        """Change a locked item. Returns whether anything changed."""
        if version is not None and version != item.version:
            raise Conflict(
                f"{item.name} was changed meanwhile: it has version {item.version}, not {version}. Read it again, and repeat "
                "the change."
            )
        before = set(session.scalars(select(Tag.tag).where(Tag.item_pk == item.pk)))
        tags = (set(before if edit.tags is None else edit.tags) | set(edit.add_tags)) - set(edit.remove_tags)
        if len(tags) > max(MAX_TAGS, len(before)):
            raise InvalidInput(f"{item.name} would have {len(tags)} tags; an item has at most {MAX_TAGS}.")
        detail: dict[str, str | bool | list[str]] = {}
        if edit.name is not None and edit.name != item.name:
            detail |= {"name": edit.name, "former_name": item.name}
            item.name = edit.name
            _record_stale_name(session, item.pk)
        if edit.favourite is not None and edit.favourite != item.favourite:
            item.favourite = detail["favourite"] = edit.favourite
        if added := sorted(tags - before):
            session.execute(insert(Tag), [{"item_pk": item.pk, "tag": tag} for tag in added])
            detail["added_tags"] = added
        if removed := sorted(before - tags):
            session.execute(delete(Tag).where(Tag.item_pk == item.pk, Tag.tag.in_(removed)))
            detail["removed_tags"] = removed
        if not detail:
            return False
        item.version, item.is_described = item.version + 1, False
        audited: AuditDetail = detail
        add_audit(session, self._now(), by, "item.edit", item.id, audited)
        return True


def _record_stale_name(session: Session, item_pk: int) -> None:
    """Record that the evidence of an item's name is to be replaced where it is searchable."""
    published = select(Publication.item_pk, Publication.space).where(Publication.item_pk == item_pk)
    recorded = set(session.scalars(select(StaleName.space).where(StaleName.item_pk == item_pk)))
    for pk, space in session.execute(published).tuples().all():
        if space not in recorded:
            session.add(StaleName(item_pk=pk, space=space))
