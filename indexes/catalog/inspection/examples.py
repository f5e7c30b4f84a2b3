"""Examples of inspectors: images of good parts, with the groups that a fit must not separate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from indexes.catalog.audit import LOCAL, Actor, add_audit
from indexes.catalog.base import CatalogMixin
from indexes.catalog.records import ExampleRow
from indexes.catalog.tables import Example, Inspector, Item
from mm.errors import InvalidInput, NotFound, TooLarge

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class ExampleRows(CatalogMixin):
    def add_examples(
        self, name: str, examples: Sequence[tuple[str, str | None]], max_examples: int, by: Actor = LOCAL
    ) -> tuple[int, int]:
        """Add images by id and group; of one that it has, the group is changed.

        A group of None is the image alone. Returns how many images and groups the inspector has.
        Raises `NotFound` for an unknown inspector or item, `InvalidInput` for an item that is no
        image, `TooLarge` above `max_examples`; nothing is added then.
        """
        with self._database.write() as session:
            inspector = session.scalar(select(Inspector).where(Inspector.name == name).with_for_update())
            if inspector is None:
                raise NotFound(f"There is no inspector {name!r}.")
            groups = dict(examples)
            items = {item.id: item for item in session.scalars(select(Item).where(Item.id.in_(groups)))}
            for item_id in groups:
                if item_id not in items:
                    raise NotFound(f"There is no item {item_id!r:.80}.")
                if items[item_id].kind != "image":
                    raise InvalidInput(f"{items[item_id].name} is no image; examples of an inspector are images.")
            present = select(Example).where(
                Example.inspector_pk == inspector.pk, Example.item_pk.in_([i.pk for i in items.values()])
            )
            by_item = {example.item_pk: example for example in session.scalars(present)}
            for item_id, group in groups.items():
                example = by_item.get(items[item_id].pk)
                if example is None:
                    session.add(Example(inspector_pk=inspector.pk, item_pk=items[item_id].pk, group=group or item_id))
                else:
                    example.group = group or item_id
            session.flush()
            num_examples, num_groups = count_examples(session, inspector.pk)
            if num_examples > max_examples:
                raise TooLarge(f"{name} would have {num_examples:,} examples; the maximum is {max_examples:,} (MM_MAX_EXAMPLES).")
            add_audit(session, self._now(), by, "inspector.examples", name, {"added": list(groups), "count": len(groups)})
            return num_examples, num_groups

    def remove_example(self, name: str, item_id: str, by: Actor = LOCAL) -> bool:
        """Remove an image from the examples; fitted versions stay. False if it is none of them."""
        with self._database.write() as session:
            inspector_pk = select(Inspector.pk).where(Inspector.name == name).scalar_subquery()
            item_pk = select(Item.pk).where(Item.id == item_id).scalar_subquery()
            removed = delete(Example).where(Example.inspector_pk == inspector_pk, Example.item_pk == item_pk)
            if session.execute(removed.returning(Example.pk)).first() is None:
                return False
            add_audit(session, self._now(), by, "inspector.examples", name, {"removed": [item_id]})
            return True

    def list_examples(self, name: str, after: int = 0, limit: int | None = None) -> list[ExampleRow]:
        """Return up to `limit` examples, all by default, with keys above `after`, in order."""
        query = (
            select(Example.pk, Item.id, Item.sha256, Item.name, Example.group)
            .join(Inspector, Inspector.pk == Example.inspector_pk)
            .join(Item, Item.pk == Example.item_pk)
            .where(Inspector.name == name, Example.pk > after)
            .order_by(Example.pk)
        )
        with self._database.read() as session:
            rows = session.execute(query if limit is None else query.limit(limit)).tuples().all()
        return [ExampleRow(pk=pk, item_id=id_, sha256=sha256, name=item, group=group) for pk, id_, sha256, item, group in rows]


def count_examples(session: Session, inspector_pk: int) -> tuple[int, int]:
    """Count the examples of an inspector and their groups."""
    counts = select(func.count(), func.count(Example.group.distinct())).where(Example.inspector_pk == inspector_pk)
    return session.execute(counts).tuples().one()
