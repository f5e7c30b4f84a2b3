"""The space of the library, and its reindexing into another one while searches continue."""

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
    """Describe the space of the library, its data in all spaces, and the latest reindexing."""
    catalog = service.store.catalog
    current, move = _get_current(service), catalog.get_latest_reindex()
    encoding = move.target.id if move is not None and move.state in UNFINISHED_STATES else None
    num_items = {current.id: 0, **({} if encoding is None else {encoding: 0}), **catalog.count_items_by_space()}

    def role(space: SpaceId) -> SpaceRole:
        return "served" if space == current.id else "encoding" if space == encoding else "kept"

    failure = service.spaces.failure
    return LibrarySpace(
        id=str(current.id),
        name=current.name,
        spaces=[SpaceHeld(id=str(space), items=items, role=role(space)) for space, items in num_items.items()],
        move=None if move is None else _serialize(service, move),
        notes=[] if failure is None else [failure],
    )


def start(service: Service, to: str) -> Move:
    """Start a reindexing.

    Raises `NotFound` for a space whose files are missing, `Conflict`, and what `load_space` raises.
    """
    try:
        target = load_space(to, service.settings, keep_speech=False, gpu=False)
    except Unavailable as error:
        raise NotFound(str(error)) from error
    return _serialize(
        service, service.store.catalog.start_reindex(_get_current(service), NamedSpace(to, target.id), current_actor())
    )


def stop(service: Service) -> Move:
    """Stop a reindexing. Raises `Conflict`."""
    return _serialize(service, service.store.catalog.stop_reindex(current_actor()))


def resume(service: Service, *, leave_out: bool) -> Move:
    """Continue a stopped reindexing. Raises `Conflict`."""
    return _serialize(service, service.store.catalog.resume_reindex(leave_out=leave_out, by=current_actor()))


def undo(service: Service) -> Move:
    """End an unfinished reindexing, or reindex from its target back to its source, where only the
    items added since have to be encoded. Raises `Conflict`."""
    catalog = service.store.catalog
    move = catalog.get_latest_reindex()
    if move is None or move.state != "done":
        return _serialize(service, catalog.undo_reindex(current_actor()))
    if not catalog.count_items_by_space().get(move.source.id):
        raise Conflict(
            f"The data in {move.source.id} has been deleted; reindex into {move.source.name} to encode all items again."
        )
    return _serialize(service, catalog.start_reindex(move.target, move.source, current_actor(), action="space.undo"))


def drop(service: Service, space: str) -> None:
    """Delete the data of a space that is not in use.

    Raises `Conflict`, `InvalidInput`, `NotFound`, `Unavailable`.
    """
    space_id = SpaceId.parse(space)
    if space_id == _get_current(service).id:
        raise Conflict(f"{space_id} is the space of the library; deleting its data would make all items unsearchable.")
    if not service.store.drop_space(space_id, current_actor()):
        raise NotFound(f"The library has no data in {space_id}.")


def _get_current(service: Service) -> NamedSpace:
    space = service.store.catalog.get_library_space()
    if space is not None:
        return space
    served = service.spaces.current
    return NamedSpace(served.name, served.space.id)


def _serialize(service: Service, move: ReindexRow) -> Move:
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
