"""The space of the library: what it is, and how it is changed for another while questions are
answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.request_context import current_actor
from indexes.catalog.queue.reindex import UNFINISHED_STATES
from indexes.catalog.records import NamedSpace
from mm.errors import Conflict, NotFound, Unavailable
from mm.schemas import LibrarySpace, Move, SpaceHeld, SpaceRole
from mm.spaces import load_space
from mm.spaces.types import SpaceId

if TYPE_CHECKING:
    from api.service import Service
    from indexes.catalog.records import ReindexRow


def describe(service: Service) -> LibrarySpace:
    """Where the library is, what it has where, and how far its latest move is."""
    catalog = service.store.catalog
    here, move = _here(service), catalog.latest_reindex()
    encoding = move.target.id if move is not None and move.state in UNFINISHED_STATES else None
    held = {here.id: 0, **({} if encoding is None else {encoding: 0}), **catalog.count_items_by_space()}

    def role(space: SpaceId) -> SpaceRole:
        return "served" if space == here.id else "encoding" if space == encoding else "kept"

    failure = service.serving.failure
    return LibrarySpace(
        id=str(here.id),
        name=here.name,
        spaces=[SpaceHeld(id=str(space), items=items, role=role(space)) for space, items in held.items()],
        move=None if move is None else _told(service, move),
        notes=[] if failure is None else [failure],
    )


def start(service: Service, to: str) -> Move:
    """Begin a move. Raises `NotFound` for a space whose files are not here, what else `load_space`
    raises, and `Conflict`."""
    try:
        target = load_space(to, service.settings, keep_speech=False, gpu=False)
    except Unavailable as error:
        raise NotFound(str(error)) from error
    return _told(service, service.store.catalog.start_reindex(_here(service), NamedSpace(to, target.id), current_actor()))


def stop(service: Service) -> Move:
    """Raises `Conflict`."""
    return _told(service, service.store.catalog.stop_reindex(current_actor()))


def resume(service: Service, *, leave_out: bool) -> Move:
    """Raises `Conflict`."""
    return _told(service, service.store.catalog.resume_reindex(leave_out=leave_out, by=current_actor()))


def undo(service: Service) -> Move:
    """End a move, or go back where it began: there everything is still, but for what was added
    since. Raises `Conflict`."""
    catalog = service.store.catalog
    move = catalog.latest_reindex()
    if move is None or move.state != "done":
        return _told(service, catalog.undo_reindex(current_actor()))
    if not catalog.count_items_by_space().get(move.source.id):
        raise Conflict(f"Nothing is left in {move.source.id}: moving to {move.source.name} encodes everything again.")
    return _told(service, catalog.start_reindex(move.target, move.source, current_actor(), action="space.undo"))


def drop(service: Service, space: str) -> None:
    """Delete what the library has in a space that it is not in. Raises `Conflict`, `InvalidInput`,
    `NotFound`, `Unavailable`."""
    space_id = SpaceId.parse(space)
    if space_id == _here(service).id:
        raise Conflict(f"The library is in {space_id}: it would not be found any more.")
    if not service.store.drop_space(space_id, current_actor()):
        raise NotFound(f"The library has nothing in {space_id}.")


def _here(service: Service) -> NamedSpace:
    moved = service.store.catalog.library_space()
    if moved is not None:
        return moved
    served = service.serving.current
    return NamedSpace(served.name, served.space.id)


def _told(service: Service, move: ReindexRow) -> Move:
    counts = service.store.catalog.count_reindexed(move)
    return Move(
        source=move.source.name,
        target=move.target.name,
        state=move.state,
        items=counts.items,
        moved=counts.reindexed,
        failed=counts.failed,
        error=move.error,
        created_at=move.created_at,
        updated_at=move.updated_at,
    )
