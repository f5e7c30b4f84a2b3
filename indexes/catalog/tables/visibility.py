"""Which items queries see: those of the library, and those in the trash only where stated."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, event, exists, select
from sqlalchemy.orm import InstrumentedAttribute, ORMExecuteState, Session, with_loader_criteria

from indexes.catalog.tables.library import Item

_OPTION = "mm_with_trash"
WITH_TRASH: Final[dict[str, Any]] = {_OPTION: True}
"""Execution options of a query that also sees items in the trash."""


class LibrarySession(Session):
    """A session in which no query sees an item in the trash, unless it has `WITH_TRASH`.

    A condition in each query would be forgotten in one: deleted items would be found again there.
    """


def is_in_library(item_pk: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Condition on a table with keys of items: the item is not in the trash."""
    items = Item.__table__
    return exists(select(items.c.pk).where(items.c.pk == item_pk, items.c.trashed_at.is_(None)))


@event.listens_for(LibrarySession, "do_orm_execute")
def _hide_trash(state: ORMExecuteState) -> None:
    if state.is_select and not state.is_column_load and not state.execution_options.get(_OPTION, False):
        state.statement = state.statement.options(with_loader_criteria(Item, Item.trashed_at.is_(None), include_aliases=True))
