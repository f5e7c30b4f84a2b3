"""Rebuilding a catalog: adds the items whose files are in the folder and not in the catalog."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from indexes.catalog.records import ItemEdit, NewItem
from indexes.storage.descriptions import Description, EncodedItem
from mm.errors import Corrupt, MediaError, MMError
from mm.files import hash_file
from mm.media import MediaReader
from mm.media.types import Span
from mm.schemas import Recovery
from mm.spaces.registry import list_spaces

if TYPE_CHECKING:
    from pathlib import Path

    from indexes.store import Store
    from mm.spaces.types import SpaceId

NAME_DIGITS = 12
"""Digits of the hash that name an item without a description."""
OWNER, LEASE_SECONDS = "rebuild", 600.0
"""Owner and length of the leases on chunks whose shards are reused, until they are marked done."""


def rebuild_items(store: Store, *, add_undescribed: bool, report: Callable[[str], None]) -> Recovery:
    """Add an item with a job for each blob that has a description and no row.

    The job encodes the item, unless its description names intact shards of the space of the
    settings: then the job only has to be finished. With `add_undescribed`, blobs of earlier
    versions, which wrote no descriptions, are added under their hash. Files that are damaged or
    cannot be read are kept and reported. Items that were in the trash are in the trash again.
    """
    lost, skipped, refused = _find_lost_items(store, add_undescribed=add_undescribed)
    added = reused = 0
    with MediaReader.from_settings(store.settings) as reader:
        for sha256, description in lost:
            try:
                reused += _add_item(store, reader, sha256, description)
            except MMError as error:
                refused[sha256] = str(error)
                continue
            added += 1
            report(f"added {description.name} ({added} of {len(lost)})")
    num_missing = store.identity.count_missing_blobs()
    return Recovery(action="rebuild", items=added, reused=reused, skipped=skipped, refused=refused, lost=num_missing)


def _find_lost_items(store: Store, *, add_undescribed: bool) -> tuple[list[tuple[str, Description]], int, dict[str, str]]:
    """Find the blobs to add, in order of upload.

    Also returns the number of skipped blobs, and why others cannot be added, by file name.
    """
    lost: list[tuple[str, Description]] = []
    refused: dict[str, str] = {}
    skipped = 0
    for names in store.blobs.files.names():
        unreferenced = store.catalog.find_unreferenced_blobs(names)
        for sha256 in sorted(unreferenced - store.catalog.find_released(sorted(unreferenced))):
            try:
                description = store.descriptions.read(sha256)
            except Corrupt as error:
                description = _describe_file(store.blobs.path(sha256))
                refused[f"{sha256}.json"] = f"{error} The item is named by its hash."
            if description is None and add_undescribed:
                description = _describe_file(store.blobs.path(sha256))
            if description is None:
                skipped += 1
                continue
            # Written before the row, so that an interrupted run can be repeated.
            store.descriptions.put(sha256, description)
            lost.append((sha256, description))
    return sorted(lost, key=lambda pair: pair[1].created_at), skipped, refused


def _describe_file(path: Path) -> Description:
    uploaded = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return Description(name=path.name[:NAME_DIGITS], tags=[], created_at=uploaded)


def _add_item(store: Store, reader: MediaReader, sha256: str, description: Description) -> bool:
    """Add an item. Returns whether its shards are reused.

    Raises `Corrupt` for bytes that do not match the hash, `MediaError` or `UnsupportedMedia` for a
    file that cannot be read.
    """
    path = store.blobs.path(sha256)
    if hash_file(path) != sha256:
        raise Corrupt(f"The bytes of {description.name} are damaged: their checksum differs.")
    size = path.stat().st_size
    if size == 0:
        raise MediaError(description.name, "empty", "the file has no bytes")
    info = reader.probe(path, description.name)
    name = description.name
    if name == sha256[:NAME_DIGITS]:
        name = f"{name}.{info.container}"
    new = NewItem.from_media(sha256, size, name, description.tags, info, created_at=description.created_at)
    item, job, _ = store.catalog.add_item(new)
    encoded = description.encoded
    if description.favourite:
        store.catalog.edit_items([item.id], ItemEdit(favourite=True))
    if description.trashed_at is not None:  # with a new period: the person has seen none of it
        store.catalog.trash_items([item.id])
        encoded = None
    store.describe_items([item.id])
    space = None if encoded is None else _find_reusable_space(store, encoded)
    if encoded is None or space is None:
        return False
    spans = [Span(chunk.start, chunk.end) for chunk in encoded.chunks]
    for row, chunk in zip(store.catalog.plan_job(job.id, space, spans), encoded.chunks, strict=True):
        store.catalog.lease_chunk(row.pk, OWNER, LEASE_SECONDS)
        store.catalog.finish_chunk(row.pk, OWNER, chunk.shard)
    return True


def _find_reusable_space(store: Store, encoded: EncodedItem) -> SpaceId | None:
    """Return the space of the settings if all shards are of it and intact."""
    matching = (space for space in list_spaces() if space.name == store.settings.space and str(space) == encoded.space)
    space = next(matching, None)
    if space is None or not encoded.chunks:
        return None
    try:
        for chunk in encoded.chunks:
            store.shards.read(chunk.shard, space)
    except MMError:
        return None
    return space
