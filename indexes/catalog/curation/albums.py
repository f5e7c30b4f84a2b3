"""Albums: created, renamed, deleted, filled, ordered and listed; and which items they contain."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from indexes.catalog.audit import LOCAL, Actor, add_audit
from indexes.catalog.base import CatalogMixin, next_revision
from indexes.catalog.evidence import batches
from indexes.catalog.items import ITEM_ID, item_rows
from indexes.catalog.records import AddedEntry, AlbumRanges, AlbumRow, EntryRow, EntrySpec
from indexes.catalog.tables import Album, AlbumEntry, Item
from indexes.catalog.tables.visibility import WITH_TRASH
from mm.errors import Conflict, InvalidInput, NotFound

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from indexes.catalog.audit import AuditDetail

ID_BYTES = 8
MAX_ALBUMS = 1000
MAX_ENTRIES = 10_000
"""Entries of one album, hidden ones included."""
TOLERANCE = 0.05
"""Seconds by which a time range may end after its item: durations are rounded."""


class AlbumRows(CatalogMixin):
    def create_album(self, name: str, note: str = "", by: Actor = LOCAL) -> AlbumRow:
        """Create an empty album.

        Raises `Conflict` for a name in use, `InvalidInput` beyond the limit.
        """
        now = self._now()
        album = Album(id=secrets.token_hex(ID_BYTES), name=name, note=note, version=1, created_at=now, updated_at=now)
        try:
            with self._database.write() as session:
                if session.execute(select(func.count()).select_from(Album)).scalar_one() >= MAX_ALBUMS:
                    raise InvalidInput(f"The library has {MAX_ALBUMS:,} albums, the maximum. Delete one first.")
                _require_free_name(session, name)
                session.add(album)
                add_audit(session, now, by, "album.create", album.id, {"name": name})
                session.flush()
                next_revision(session)
                return _album_row(session, album)
        except IntegrityError as error:  # PostgreSQL: another transaction inserted the name at the same time
            raise _name_in_use(name) from error

    def list_albums(self) -> list[AlbumRow]:
        """Return all albums by name."""
        with self._database.read() as session:
            albums = session.scalars(select(Album).order_by(func.lower(Album.name), Album.pk)).all()
            return [_album_row(session, album) for album in albums]

    def get_album(self, album_id: str) -> AlbumRow:
        """Return an album. Raises `NotFound`."""
        with self._database.read() as session:
            return _album_row(session, _require_album(session, album_id))

    def edit_album(
        self,
        album_id: str,
        *,
        name: str | None = None,
        note: str | None = None,
        cover: int | None = None,
        version: int | None = None,
        by: Actor = LOCAL,
    ) -> AlbumRow:
        """Change an album; None changes nothing, and `cover` 0 is the first entry.

        Raises `NotFound` for the album or the entry of the cover, `Conflict` for a name in use or
        another `version`.
        """
        try:
            with self._database.write() as session:
                album = _require_album(session, album_id, is_locked=True)
                if version is not None and version != album.version:
                    raise Conflict(
                        f"The album {album.name!r} was changed meanwhile: it has version {album.version}, not {version}. "
                        "Read it again, and repeat the change."
                    )
                detail: dict[str, str | int] = {}
                if name is not None and name != album.name:
                    _require_free_name(session, name)
                    detail |= {"name": name, "former_name": album.name}
                    album.name = name
                if note is not None and note != album.note:
                    album.note = detail["note"] = note
                if cover is not None and cover != _get_cover_pk(session, album.pk):
                    _set_cover(session, album.pk, cover)
                    detail["cover"] = cover
                if detail:
                    self._record(session, album, "album.edit", detail, by)
                return _album_row(session, album)
        except IntegrityError as error:  # as in `create_album`
            raise _name_in_use(name or "") from error

    def delete_album(self, album_id: str, by: Actor = LOCAL) -> None:
        """Delete an album, not its items. Raises `NotFound`."""
        with self._database.write() as session:
            album = _require_album(session, album_id, is_locked=True)
            add_audit(session, self._now(), by, "album.delete", album.id, {"name": album.name})
            session.execute(delete(Album).where(Album.pk == album.pk))
            next_revision(session)

    def add_entries(
        self, album_id: str, specs: Sequence[EntrySpec], *, before: int | None = None, by: Actor = LOCAL
    ) -> tuple[AlbumRow, list[AddedEntry]]:
        """Add entries in one transaction, before another entry or at the end, in their order.

        What the album has already is unchanged, and keeps its place. Raises `NotFound` for the
        album or the entry `before`, `InvalidInput` for a time range outside its item, and beyond
        the limit; then nothing is added.
        """
        with self._database.write() as session:
            album = _require_album(session, album_id, is_locked=True)
            ids = sorted({spec.item_id for spec in specs if ITEM_ID.fullmatch(spec.item_id)})
            items = {item.id: item for batch in batches(ids) for item in session.scalars(select(Item).where(Item.id.in_(batch)))}
            of_album = select(AlbumEntry.item_pk, AlbumEntry.start, AlbumEntry.end, AlbumEntry.pk)
            rows = session.execute(of_album.where(AlbumEntry.album_pk == album.pk)).tuples()
            present = {(item_pk, start, end): pk for item_pk, start, end, pk in rows}
            order = _list_order(session, album.pk)
            added: list[AddedEntry] = []
            new: list[int] = []
            for spec in specs:
                item = items.get(spec.item_id)
                if item is None:
                    added.append(AddedEntry(spec, "not-found", None))
                    continue
                key = (item.pk, *_check_range(item, spec))
                if key in present:
                    added.append(AddedEntry(spec, "unchanged", present[key]))
                    continue
                if len(present) >= MAX_ENTRIES:
                    raise InvalidInput(f"The album {album.name!r} would have more than {MAX_ENTRIES:,} entries, the maximum.")
                values = dict(zip(("item_pk", "start", "end"), key, strict=True))
                row = insert(AlbumEntry).values(
                    album_pk=album.pk, position=len(present), is_cover=False, added_at=self._now(), **values
                )
                present[key] = session.execute(row.returning(AlbumEntry.pk)).scalar_one()
                new.append(present[key])
                added.append(AddedEntry(spec, "added", present[key]))
            if new:
                _write_order(session, _insert_before(order, new, before))
                self._record(session, album, "album.add", {"entries": len(new)}, by)
            elif before is not None and before not in order:
                raise _no_entry(before)
            return _album_row(session, album), added

    def remove_entries(
        self, album_id: str, pks: Sequence[int], item_ids: Sequence[str] = (), by: Actor = LOCAL
    ) -> tuple[AlbumRow, int]:
        """Remove entries by key, and all of some items, in one transaction; items stay.

        Returns the number of removed entries; unknown ones are left out. Raises `NotFound`.
        """
        with self._database.write() as session:
            album = _require_album(session, album_id, is_locked=True)
            of_album = delete(AlbumEntry).where(AlbumEntry.album_pk == album.pk)
            removed: list[int] = []
            for batch in batches(sorted(set(pks))):
                removed += session.scalars(of_album.where(AlbumEntry.pk.in_(batch)).returning(AlbumEntry.pk)).all()
            for ids in batches(sorted({item_id for item_id in item_ids if ITEM_ID.fullmatch(item_id)})):
                items = select(Item.__table__.c.pk).where(Item.__table__.c.id.in_(ids))
                removed += session.scalars(of_album.where(AlbumEntry.item_pk.in_(items)).returning(AlbumEntry.pk)).all()
            if removed:
                self._record(session, album, "album.remove", {"entries": len(removed)}, by)
            return _album_row(session, album), len(removed)

    def move_entries(self, album_id: str, pks: Sequence[int], before: int | None = None, by: Actor = LOCAL) -> AlbumRow:
        """Move entries, in the order of `pks`, before another entry or to the end.

        Raises `NotFound` for the album or an entry, `InvalidInput` if `before` is moved itself.
        """
        moved = list(dict.fromkeys(pks))
        if before in moved:
            raise InvalidInput(f"The entry {before} cannot be moved before itself.")
        with self._database.write() as session:
            album = _require_album(session, album_id, is_locked=True)
            order = _list_order(session, album.pk)
            if unknown := set(moved) - set(order):
                raise _no_entry(min(unknown))
            changed = _insert_before([pk for pk in order if pk not in set(moved)], moved, before)
            if changed != order:
                _write_order(session, changed)
                self._record(session, album, "album.move", {"entries": len(moved)}, by)
            return _album_row(session, album)

    def list_entries(self, album_id: str, offset: int, limit: int) -> tuple[list[EntryRow], int]:
        """Return up to `limit` entries after the first `offset` in order, and the number of all.

        Those whose items are in the trash are left out. Raises `NotFound`.
        """
        with self._database.read() as session:
            album = _require_album(session, album_id)
            query = _select_entries(album.pk).order_by(AlbumEntry.position, AlbumEntry.pk).offset(offset).limit(limit)
            entries = session.execute(query).tuples().all()
            total = _count_shown(session, album.pk)
            distinct = {item.pk: item for _, item in entries}
            rows = dict(zip(distinct, item_rows(session, list(distinct.values())), strict=True))
            return [
                EntryRow(
                    entry.pk,
                    rows[item.pk],
                    None if entry.end == 0.0 else entry.start,
                    None if entry.end == 0.0 else entry.end,
                    entry.is_cover,
                    entry.added_at,
                )
                for entry, item in entries
            ], total

    def get_album_ranges(self, album_id: str) -> AlbumRanges:
        """Return which items an album contains, and of which only time ranges.

        Raises `NotFound`.
        """
        with self._database.read() as session:
            album = _require_album(session, album_id)
            query = select(Item.id, AlbumEntry.start, AlbumEntry.end).join(Item, Item.pk == AlbumEntry.item_pk)
            rows = session.execute(query.where(AlbumEntry.album_pk == album.pk).order_by(AlbumEntry.start)).tuples().all()
        whole = frozenset(item_id for item_id, _, end in rows if end == 0.0)
        ranges: dict[str, list[tuple[float, float]]] = {}
        for item_id, start, end in rows:
            if item_id not in whole:
                ranges.setdefault(item_id, []).append((start, end))
        return AlbumRanges(whole, ranges)

    def _record(self, session: Session, album: Album, action: str, detail: AuditDetail, by: Actor) -> None:
        """Give a changed album its next version, and record the change."""
        album.version, album.updated_at = album.version + 1, self._now()
        add_audit(session, album.updated_at, by, action, album.id, {"album": album.name, **detail})
        session.flush()
        next_revision(session)


def select_in_album(session: Session, album_id: str) -> Select[tuple[int]]:
    """Select the keys of the items of an album. Raises `NotFound`."""
    return select(AlbumEntry.item_pk).where(AlbumEntry.album_pk == _require_album(session, album_id).pk)


def _require_album(session: Session, album_id: str, *, is_locked: bool = False) -> Album:
    """Return an album; its lock is also that of the order of its entries. Raises `NotFound`."""
    query = select(Album).where(Album.id == album_id)
    album = session.scalar(query.with_for_update() if is_locked else query)
    if album is None:
        raise NotFound(f"There is no album {album_id!r:.80}.")
    return album


def _require_free_name(session: Session, name: str) -> None:
    if session.scalar(select(Album.pk).where(Album.name == name)) is not None:
        raise _name_in_use(name)


def _name_in_use(name: str) -> Conflict:
    return Conflict(f"There is an album {name!r} already; choose another name.")


def _no_entry(pk: int) -> NotFound:
    return NotFound(f"The album has no entry {pk}.")


def _select_entries(album_pk: int) -> Select[tuple[AlbumEntry, Item]]:
    return select(AlbumEntry, Item).join(Item, Item.pk == AlbumEntry.item_pk).where(AlbumEntry.album_pk == album_pk)


def _album_row(session: Session, album: Album) -> AlbumRow:
    counted = select(func.count()).select_from(AlbumEntry).where(AlbumEntry.album_pk == album.pk)
    total = session.execute(counted).scalar_one()
    shown = _count_shown(session, album.pk)
    first = _select_entries(album.pk).order_by(AlbumEntry.is_cover.desc(), AlbumEntry.position, AlbumEntry.pk).limit(1)
    cover = session.execute(first).tuples().one_or_none()
    return AlbumRow(
        id=album.id,
        name=album.name,
        note=album.note,
        version=album.version,
        created_at=album.created_at,
        updated_at=album.updated_at,
        num_entries=shown,
        num_hidden=total - shown,
        cover=None if cover is None else (cover[1].id, cover[0].start),
    )


def _count_shown(session: Session, album_pk: int) -> int:
    """Count the entries whose items are not in the trash."""
    shown = select(func.count()).select_from(AlbumEntry).join(Item, Item.pk == AlbumEntry.item_pk)
    return session.execute(shown.where(AlbumEntry.album_pk == album_pk)).scalar_one()


def _get_cover_pk(session: Session, album_pk: int) -> int:
    """The entry that was chosen as the cover; 0 if none was."""
    chosen = select(AlbumEntry.pk).where(AlbumEntry.album_pk == album_pk, AlbumEntry.is_cover)
    return session.scalar(chosen) or 0


def _set_cover(session: Session, album_pk: int, pk: int) -> None:
    of_album = update(AlbumEntry).where(AlbumEntry.album_pk == album_pk)
    session.execute(of_album.where(AlbumEntry.is_cover).values(is_cover=False))
    chosen = of_album.where(AlbumEntry.pk == pk).values(is_cover=True).returning(AlbumEntry.pk)
    if pk != 0 and session.scalar(chosen) is None:
        raise _no_entry(pk)


def _check_range(item: Item, spec: EntrySpec) -> tuple[float, float]:
    """The times of an entry as they are stored. Raises `InvalidInput`."""
    if spec.start is None and spec.end is None:
        return 0.0, 0.0
    if spec.start is None or spec.end is None:
        raise InvalidInput(f"A time range of {item.name} needs both `start` and `end`, and a whole item neither.")
    if item.kind == "image":
        raise InvalidInput(f"{item.name} is an image: it has no time ranges.")
    if not 0 <= spec.start < spec.end <= item.duration + TOLERANCE:
        raise InvalidInput(
            f"The time range {spec.start:.3f} to {spec.end:.3f} s is empty or outside of {item.name}, which lasts "
            f"{item.duration:.3f} s."
        )
    return spec.start, min(spec.end, item.duration)


def _list_order(session: Session, album_pk: int) -> list[int]:
    """The entries of an album in order, hidden ones included."""
    query = select(AlbumEntry.pk).where(AlbumEntry.album_pk == album_pk).order_by(AlbumEntry.position, AlbumEntry.pk)
    return list(session.scalars(query.execution_options(**WITH_TRASH)))


def _insert_before(order: Sequence[int], inserted: Sequence[int], before: int | None) -> list[int]:
    """The order with entries inserted before one of it, or at the end. Raises `NotFound`."""
    if before is None:
        return [*order, *inserted]
    if before not in order:
        raise _no_entry(before)
    index = order.index(before)
    return [*order[:index], *inserted, *order[index:]]


def _write_order(session: Session, order: Sequence[int]) -> None:
    """Number the entries of an album in this order, where their number changes."""
    entries: dict[int, Any] = {}
    for batch in batches(sorted(order)):
        query = select(AlbumEntry.pk, AlbumEntry.position).where(AlbumEntry.pk.in_(batch))
        entries |= dict(session.execute(query).tuples().all())
    changed = [{"pk": pk, "position": number} for number, pk in enumerate(order) if entries[pk] != number]
    if changed:
        session.execute(update(AlbumEntry), changed)
