"""The space of the library, and its reindexing into another one while searches continue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.request_context import current_actor
from api.spaces.advice import describe_options
from indexes.catalog.queue.reindex import UNFINISHED_STATES
from indexes.catalog.records import NamedSpace
from mm.errors import Conflict, NotFound, Unavailable
from mm.models.openclip.files import require_open_clip
from mm.schemas import LibrarySpace, Move, SpaceHeld, SpaceOptions, SpaceRole
from mm.spaces import load_space
from mm.spaces.larger.hub import is_on_disk
from mm.spaces.larger.table import PREFIX, get_larger_space
from mm.spaces.types import SpaceId

if TYPE_CHECKING:
    from api.service import Service
    from api.spaces.downloads import Download
    from api.spaces.manager import SpaceManager
    from indexes import Store
    from indexes.catalog.audit import Actor
    from indexes.catalog.records import ReindexRow
    from mm.settings import Settings


def describe(service: Service) -> LibrarySpace:
    """Describe the space of the library, its data in all spaces, and the latest reindexing."""
    catalog = service.store.catalog
    current, move = _get_current(service.store, service.spaces), catalog.get_latest_reindex()
    download = service.downloads.get()
    encoding = move.target.id if move is not None and move.state in UNFINISHED_STATES else None
    num_items = {current.id: 0, **({} if encoding is None else {encoding: 0}), **catalog.count_items_by_space()}

    def role(space: SpaceId) -> SpaceRole:
        return "served" if space == current.id else "encoding" if space == encoding else "kept"

    failure = service.spaces.failure
    latest = None if move is None else _serialize(service, move)
    return LibrarySpace(
        id=str(current.id),
        name=current.name,
        spaces=[SpaceHeld(id=str(space), items=items, role=role(space)) for space, items in num_items.items()],
        move=latest if download is None else _serialize_download(service, download),
        notes=[] if failure is None else [failure],
    )


def options(service: Service, *, ask_network: bool) -> SpaceOptions:
    """The larger spaces that this machine could run. Raises `Unavailable`."""
    current = _get_current(service.store, service.spaces)
    return describe_options(service, current.name, current.id, ask_network=ask_network)


def start(service: Service, to: str, *, download: bool = False) -> Move:
    """Start a reindexing, with `download` after the files of the space have been downloaded.

    Raises `NotFound` for a space whose files are missing, `Conflict`, and what `load_space` raises.
    """
    if (running := service.downloads.get()) is not None:
        raise Conflict(f"The files of {running.request.to} are being downloaded. Undo that before you start another move.")
    try:
        if download and to.startswith(PREFIX) and not is_on_disk(get_larger_space(to)):
            return _start_download(service, to)
        return _serialize(service, _begin(service.store, service.settings, service.spaces, to, current_actor()))
    except Unavailable as error:
        raise NotFound(str(error)) from error


def begin_after_download(store: Store, settings: Settings, spaces: SpaceManager, to: str, by: Actor) -> None:
    """Start the reindexing that a download was for, unless it was started before a restart.

    Raises what `load_space` raises, and `Conflict` while there is another reindexing.
    """
    latest = store.catalog.get_latest_reindex()
    has_begun = latest is not None and latest.target.name == to and latest.state in UNFINISHED_STATES
    if not has_begun and _get_current(store, spaces).name != to:
        _begin(store, settings, spaces, to, by)


def _begin(store: Store, settings: Settings, spaces: SpaceManager, to: str, by: Actor) -> ReindexRow:
    target = load_space(to, settings, keep_speech=False, gpu=False)
    return store.catalog.start_reindex(_get_current(store, spaces), NamedSpace(to, target.id), by)


def _start_download(service: Service, to: str) -> Move:
    """Raises `Unavailable` without torch, `Conflict` while a reindexing is unfinished."""
    require_open_clip(to.removeprefix(PREFIX))
    latest = service.store.catalog.get_latest_reindex()
    if latest is not None and latest.state in UNFINISHED_STATES:
        raise Conflict(f"The library is being reindexed to {latest.target.name}. Undo that before you start another one.")
    service.downloads.start(to, current_actor())
    return _serialize_download(service, service.downloads.require())


def stop(service: Service) -> Move:
    """Stop a reindexing, or the download before it. Raises `Conflict`."""
    if service.downloads.get() is not None:
        service.downloads.stop()
        return _serialize_download(service, service.downloads.require())
    return _serialize(service, service.store.catalog.stop_reindex(current_actor()))


def resume(service: Service, *, leave_out: bool) -> Move:
    """Continue a stopped reindexing, or the download before it. Raises `Conflict`."""
    if service.downloads.get() is not None:
        service.downloads.resume()
        return _serialize_download(service, service.downloads.require())
    return _serialize(service, service.store.catalog.resume_reindex(leave_out=leave_out, by=current_actor()))


def undo(service: Service) -> Move:
    """End an unfinished reindexing, or reindex from its target back to its source, where only the
    items added since have to be encoded. An unfinished download is cancelled. Raises `Conflict`."""
    if (download := service.downloads.get()) is not None:
        service.downloads.cancel()
        return _serialize_download(service, download).model_copy(update={"state": "undone"})
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
    if space_id == _get_current(service.store, service.spaces).id:
        raise Conflict(f"{space_id} is the space of the library; deleting its data would make all items unsearchable.")
    if not service.store.drop_space(space_id, current_actor()):
        raise NotFound(f"The library has no data in {space_id}.")


def _get_current(store: Store, spaces: SpaceManager) -> NamedSpace:
    space = store.catalog.get_library_space()
    return NamedSpace(spaces.current.name, spaces.current.space.id) if space is None else space


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


def _serialize_download(service: Service, download: Download) -> Move:
    current = _get_current(service.store, service.spaces)
    request = download.request
    return Move(
        source=current.name,
        target=request.to,
        state=request.state,
        items=service.store.catalog.count_items_by_space().get(current.id, 0),
        moved=0,
        failed=0,
        error=request.error,
        downloaded_bytes=download.downloaded,
        download_bytes=download.total,
        created_at=request.created_at,
        updated_at=request.updated_at,
    )
