"""Saved searches: created, changed, deleted; evaluated against publications; their matches.

The matches of a range of publications and the position after it are stored in one transaction, so
that a process that is killed loses no match and repeats none.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from indexes.catalog.audit import LOCAL, Actor, add_audit
from indexes.catalog.base import CatalogMixin, next_revision, notify_watchers
from indexes.catalog.items import item_rows
from indexes.catalog.records import DueMatch, Evaluation, MatchRow, NewMatch, SavedSearchRow, Webhook
from indexes.catalog.tables import Item, Library, Publication, SavedSearch, SearchMatch
from indexes.catalog.tables.visibility import WITH_TRASH, is_in_library
from mm.errors import Conflict, InvalidInput, NotFound
from mm.schemas import Band, Delivery

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from indexes.catalog.audit import AuditDetail
    from mm.spaces.types import SpaceId

ID_BYTES = 8
MAX_SEARCHES = 100
"""Each is evaluated for each new item."""


class SavedSearchRows(CatalogMixin):
    def create_saved_search(
        self, name: str, query: str, band: Band, space: SpaceId, webhook: Webhook | None = None, by: Actor = LOCAL
    ) -> SavedSearchRow:
        """Save a search that starts with the publications after this moment.

        Raises `Conflict` for a name in use, `InvalidInput` beyond the limit.
        """
        try:
            with self._database.write() as session:
                if session.execute(select(func.count()).select_from(SavedSearch)).scalar_one() >= MAX_SEARCHES:
                    raise InvalidInput(f"The library has {MAX_SEARCHES:,} saved searches, the maximum. Delete one first.")
                _require_free_name(session, name)
                now = self._now()
                search = SavedSearch(
                    id=secrets.token_hex(ID_BYTES),
                    name=name,
                    query=query,
                    band=band,
                    webhook_url=None if webhook is None else webhook.url,
                    webhook_secret=None if webhook is None else webhook.secret,
                    is_enabled=True,
                    space=str(space),
                    cursor=session.execute(select(Library.head)).scalar_one(),
                    created_at=now,
                )
                session.add(search)
                add_audit(session, now, by, "search.create", search.id, {"name": name, "webhook": webhook is not None})
                session.flush()
                next_revision(session)
                return _search_row(session, search)
        except IntegrityError as error:  # PostgreSQL: another transaction inserted the name at the same time
            raise _name_in_use(name) from error

    def list_saved_searches(self) -> list[SavedSearchRow]:
        """Return all saved searches by name."""
        with self._database.read() as session:
            searches = session.scalars(select(SavedSearch).order_by(func.lower(SavedSearch.name), SavedSearch.pk)).all()
            return [_search_row(session, search) for search in searches]

    def get_saved_search(self, search_id: str) -> SavedSearchRow:
        """Return a saved search. Raises `NotFound`."""
        with self._database.read() as session:
            return _search_row(session, _require_search(session, search_id))

    def edit_saved_search(
        self, search_id: str, *, name: str | None = None, is_enabled: bool | None = None, by: Actor = LOCAL
    ) -> SavedSearchRow:
        """Rename, enable or disable a saved search; None changes nothing.

        One that is enabled again starts with the publications after this moment. Raises `NotFound`,
        `Conflict` for a name in use.
        """
        try:
            with self._database.write() as session:
                search = _require_search(session, search_id, is_locked=True)
                detail: dict[str, str | bool] = {}
                if name is not None and name != search.name:
                    _require_free_name(session, name)
                    search.name = detail["name"] = name
                if is_enabled is not None and is_enabled != search.is_enabled:
                    search.is_enabled = detail["enabled"] = is_enabled
                    if is_enabled:
                        search.cursor = session.execute(select(Library.head)).scalar_one()
                        search.space = session.scalar(select(Library.space)) or search.space
                if detail:
                    changes: AuditDetail = {"search": search.name, **detail}
                    add_audit(session, self._now(), by, "search.edit", search.id, changes)
                    session.flush()
                    next_revision(session)
                return _search_row(session, search)
        except IntegrityError as error:  # as in `create_saved_search`
            raise _name_in_use(name or "") from error

    def delete_saved_search(self, search_id: str, by: Actor = LOCAL) -> None:
        """Delete a saved search and its matches, not their items. Raises `NotFound`."""
        with self._database.write() as session:
            search = _require_search(session, search_id, is_locked=True)
            add_audit(session, self._now(), by, "search.delete", search.id, {"name": search.name})
            session.execute(delete(SavedSearch).where(SavedSearch.pk == search.pk))
            next_revision(session)

    def list_matches(self, search_id: str, offset: int, limit: int) -> tuple[list[MatchRow], int]:
        """Return up to `limit` matches after the first `offset`, latest first, and the number of
        all. Those whose items are in the trash are left out. Raises `NotFound`."""
        with self._database.read() as session:
            search = _require_search(session, search_id)
            query = select(SearchMatch, Item).join(Item, Item.pk == SearchMatch.item_pk)
            query = query.where(SearchMatch.search_pk == search.pk).order_by(SearchMatch.pk.desc())
            rows = session.execute(query.offset(offset).limit(limit)).tuples().all()
            return _match_rows(session, rows), _count(session, search.pk)

    def mark_matches_read(self, search_id: str, until: int | None = None) -> SavedSearchRow:
        """Mark the matches up to a key as read, or all. Raises `NotFound`."""
        with self._database.write() as session:
            search = _require_search(session, search_id, is_locked=True)
            of_search = update(SearchMatch).where(SearchMatch.search_pk == search.pk, ~SearchMatch.is_read)
            of_search = of_search if until is None else of_search.where(SearchMatch.pk <= until)
            session.execute(of_search.where(is_in_library(SearchMatch.item_pk)).values(is_read=True))
            return _search_row(session, search)

    def list_evaluations(self, space: SpaceId, limit: int) -> list[Evaluation]:
        """Return what each enabled search is to be evaluated against: up to `limit` publications.

        After a change of the space of the library, these are all publications of items that the
        search was not evaluated against in the former space. Empty if the library is in another
        space than `space`.
        """
        with self._database.read() as session:
            head, current = session.execute(select(Library.head, Library.space)).tuples().one()
            if current not in {None, str(space)}:
                return []
            searches = session.scalars(select(SavedSearch).where(SavedSearch.is_enabled).order_by(SavedSearch.pk)).all()
            planned = [_plan_evaluation(session, search, str(space), head, limit) for search in searches]
            return [evaluation for evaluation in planned if evaluation is not None]

    def record_matches(self, evaluation: Evaluation, space: SpaceId, matches: Sequence[NewMatch]) -> int:
        """Store the matches of an evaluation and its new position in one transaction.

        An item that matched before is left out. Returns the number of new matches; 0, and changes
        nothing, if the search was deleted, disabled or evaluated by another process meanwhile.
        """
        with self._database.write() as session:
            ids = [match.item_id for match in matches]
            items = select(Item.pk, Item.id).where(Item.id.in_(ids)).order_by(Item.pk)
            rows = session.execute(items.with_for_update(key_share=True).execution_options(**WITH_TRASH)).tuples()
            pks = {item_id: pk for pk, item_id in rows}
            former_space, cursor = evaluation.position
            moved = update(SavedSearch).where(
                SavedSearch.pk == evaluation.search_pk,
                SavedSearch.is_enabled,
                SavedSearch.space == former_space,
                SavedSearch.cursor == cursor,
            )
            moved = moved.values(space=str(space), cursor=evaluation.upto)
            returned = session.execute(moved.returning(SavedSearch.webhook_url)).tuples().one_or_none()
            if returned is None:
                return 0
            num_new = 0
            dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
            for match in matches:
                if match.item_id not in pks:  # deleted for good meanwhile
                    continue
                insertion = dialect.insert(SearchMatch).values(
                    search_pk=evaluation.search_pk,
                    item_pk=pks[match.item_id],
                    start=match.start,
                    end=match.end,
                    best_start=match.best_start,
                    best_end=match.best_end,
                    score=match.score,
                    band=match.band,
                    matched_at=self._now(),
                    is_read=False,
                    delivery="none" if returned[0] is None else "waiting",
                    attempts=0,
                    next_at=self._now(),
                    error="",
                )
                inserted = insertion.on_conflict_do_nothing(index_elements=["search_pk", "item_pk"]).returning(SearchMatch.pk)
                num_new += session.execute(inserted).one_or_none() is not None
            if num_new:
                notify_watchers(session)
                next_revision(session)
            return num_new

    def get_next_delivery(self) -> datetime | None:
        """When the next match is to be sent; None if none waits."""
        with self._database.read() as session:
            return session.scalar(select(func.min(SearchMatch.next_at)).where(_is_first_waiting()))

    def claim_delivery(self, seconds: float) -> DueMatch | None:
        """Return a match that is to be sent now, and let no other process send it for `seconds`.

        Of a search, the earliest match that waits comes first, and the others wait for it. None if
        none is due.
        """
        now = self._now()
        with self._database.write() as session:
            first = select(SearchMatch.pk).where(_is_first_waiting(), SearchMatch.next_at <= now)
            pk = session.scalar(first.order_by(SearchMatch.next_at, SearchMatch.pk).limit(1))
            is_due = (SearchMatch.pk == pk, SearchMatch.delivery == "waiting", SearchMatch.next_at <= now)
            claimed = update(SearchMatch).where(*is_due).values(next_at=now + timedelta(seconds=seconds))
            if pk is None or session.scalar(claimed.returning(SearchMatch.pk)) is None:
                return None
            query = select(SearchMatch, Item).join(Item, Item.pk == SearchMatch.item_pk).where(SearchMatch.pk == pk)
            rows = session.execute(query).tuples().all()
            if not rows:  # moved to the trash meanwhile
                return None
            match = rows[0][0]
            search = session.get_one(SavedSearch, match.search_pk)
            webhook = Webhook(search.webhook_url or "", search.webhook_secret or "")
            return DueMatch(_match_rows(session, rows)[0], search.id, search.name, webhook, match.attempts)

    def finish_delivery(self, pk: int, delivery: Delivery, error: str = "", pause: float = 0.0) -> None:
        """Record an attempt to send a match; one that still waits is sent again after `pause`
        seconds."""
        values = {"delivery": delivery, "attempts": SearchMatch.attempts + 1, "error": error}
        with self._database.write() as session:
            waiting = update(SearchMatch).where(SearchMatch.pk == pk, SearchMatch.delivery == "waiting")
            session.execute(waiting.values(**values, next_at=self._now() + timedelta(seconds=pause)))


def _plan_evaluation(session: Session, search: SavedSearch, space: str, head: int, limit: int) -> Evaluation | None:
    """The publications that a search is to be evaluated against next; None if there are none and
    its position stays."""
    query = select(Publication.seq, Item.id).join(Item, Item.pk == Publication.item_pk)
    query = query.where(Publication.space == space, Publication.seq <= head).order_by(Publication.seq)
    if search.space == space:
        rows = session.execute(query.where(Publication.seq > search.cursor).limit(limit)).tuples().all()
        if not rows:
            return None
        upto = rows[-1][0]
    else:
        former = aliased(Publication)
        is_known = and_(former.item_pk == Publication.item_pk, former.space == search.space, former.seq <= search.cursor)
        rows = session.execute(query.where(~exists().where(is_known))).tuples().all()
        upto = head
    return Evaluation(
        search_pk=search.pk,
        name=search.name,
        query=search.query,
        band=cast(Band, search.band),
        position=(search.space, search.cursor),
        upto=upto,
        item_ids=[item_id for _, item_id in rows],
    )


def _is_first_waiting() -> ColumnElement[bool]:
    """Condition on matches: the earliest one of its search that waits and is not in the trash."""
    other = aliased(SearchMatch)
    waiting = select(func.min(other.pk)).where(other.delivery == "waiting", is_in_library(other.item_pk))
    return SearchMatch.pk.in_(waiting.group_by(other.search_pk))


def _match_rows(session: Session, rows: Sequence[tuple[SearchMatch, Item]]) -> list[MatchRow]:
    items = item_rows(session, [item for _, item in rows])
    return [
        MatchRow(
            match.pk,
            item,
            match.start,
            match.end,
            match.best_start,
            match.best_end,
            match.score,
            cast(Band, match.band),
            match.matched_at,
            match.is_read,
            cast(Delivery, match.delivery),
        )
        for (match, _), item in zip(rows, items, strict=True)
    ]


def _search_row(session: Session, search: SavedSearch) -> SavedSearchRow:
    failed = select(SearchMatch.error).where(SearchMatch.search_pk == search.pk, SearchMatch.error != "")
    return SavedSearchRow(
        id=search.id,
        name=search.name,
        query=search.query,
        band=cast(Band, search.band),
        webhook_url=search.webhook_url,
        is_enabled=search.is_enabled,
        created_at=search.created_at,
        num_matches=_count(session, search.pk),
        num_unread=_count(session, search.pk, ~SearchMatch.is_read),
        num_waiting=_count(session, search.pk, SearchMatch.delivery == "waiting"),
        error=session.scalar(failed.order_by(SearchMatch.pk.desc()).limit(1)) or "",
    )


def _count(session: Session, search_pk: int, *conditions: ColumnElement[bool]) -> int:
    """Count the matches whose items are not in the trash."""
    query: Select[tuple[int]] = select(func.count()).select_from(SearchMatch).where(SearchMatch.search_pk == search_pk)
    return session.execute(query.where(is_in_library(SearchMatch.item_pk), *conditions)).scalar_one()


def _require_search(session: Session, search_id: str, *, is_locked: bool = False) -> SavedSearch:
    """Raises `NotFound`."""
    query = select(SavedSearch).where(SavedSearch.id == search_id)
    search = session.scalar(query.with_for_update() if is_locked else query)
    if search is None:
        raise NotFound(f"There is no saved search {search_id!r:.80}.")
    return search


def _require_free_name(session: Session, name: str) -> None:
    if session.scalar(select(SavedSearch.pk).where(SavedSearch.name == name)) is not None:
        raise _name_in_use(name)


def _name_in_use(name: str) -> Conflict:
    return Conflict(f"There is a saved search {name!r} already; choose another name.")
