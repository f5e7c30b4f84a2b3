"""Items from files: rows for blobs that the catalog does not know, as after the loss of the
database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from indexes.catalog.records import NewItem
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
OWNER, LEASE_SECONDS = "rebuild", 600.0
"""Of the chunks whose shards are used again, until they are marked as done."""


def add_items(store: Store, *, leftovers_too: bool, say: Callable[[str], None]) -> Recovery:
    """Add an item with a job for each blob that has a description and no row.

    The job encodes it anew, unless its description names shards that are all there and of the space
    of the settings: then the job only has to be finished.

    With `leftovers_too`, blobs without a description are described by their hash and their age
    first: earlier versions wrote none. A file whose bytes are damaged or cannot be read is kept and
    reported.
    """
    lost, skipped, refused = _lost(store, leftovers_too=leftovers_too)
    added = reused = 0
    with MediaReader.from_settings(store.settings) as reader:
        for sha256, description in lost:
            try:
                reused += _add(store, reader, sha256, description)
            except MMError as error:
                refused[sha256] = str(error)
                continue
            added += 1
            say(f"added {description.name} ({added} of {len(lost)})")
    lost_blobs = store.identity.count_missing_blobs()
    return Recovery(action="rebuild", items=added, reused=reused, skipped=skipped, refused=refused, lost=lost_blobs)


def _lost(store: Store, *, leftovers_too: bool) -> tuple[list[tuple[str, Description]], int, dict[str, str]]:
    """Blobs to add, in the order in which they were uploaded; how many were skipped; and why others
    cannot be added."""
    lost: list[tuple[str, Description]] = []
    refused: dict[str, str] = {}
    skipped = 0
    for names in store.blobs.files.names():
        unknown = store.catalog.find_unreferenced_blobs(names)
        for sha256 in sorted(unknown - store.catalog.find_released(sorted(unknown))):
            try:
                description = store.descriptions.read(sha256)
            except Corrupt as error:
                description = _of_file(store.blobs.path(sha256))
                refused[f"{sha256}.json"] = f"{error} The item is named by its hash."
            if description is None and leftovers_too:
                description = _of_file(store.blobs.path(sha256))
            if description is None:
                skipped += 1
                continue
            # Written before any row: a run that is interrupted here can be repeated.
            store.descriptions.put(sha256, description)
            lost.append((sha256, description))
    return sorted(lost, key=lambda pair: pair[1].created_at), skipped, refused


def _of_file(path: Path) -> Description:
    uploaded = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return Description(name=path.name[:NAME_DIGITS], tags=[], created_at=uploaded)


def _add(store: Store, reader: MediaReader, sha256: str, description: Description) -> bool:
    """Whether its shards are used again. Raises `Corrupt` for bytes that are not those of the name,
    `MediaError`, `UnsupportedMedia`.
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
    store.descriptions.write(item)
    encoded = description.encoded
    space = None if encoded is None else _fitting_space(store, encoded)
    if encoded is None or space is None:
        return False
    spans = [Span(chunk.start, chunk.end) for chunk in encoded.chunks]
    for row, chunk in zip(store.catalog.plan_job(job.id, space, spans), encoded.chunks, strict=True):
        store.catalog.lease_chunk(row.pk, OWNER, LEASE_SECONDS)
        store.catalog.finish_chunk(row.pk, OWNER, chunk.shard)
    return True


def _fitting_space(store: Store, encoded: EncodedItem) -> SpaceId | None:
    """The space of the settings, if the shards are of it and each is there and whole."""
    space = next((known for known in list_spaces() if known.name == store.settings.space and str(known) == encoded.space), None)
    if space is None or not encoded.chunks:
        return None
    try:
        for chunk in encoded.chunks:
            store.shards.read(chunk.shard, space)
    except MMError:
        return None
    return space
