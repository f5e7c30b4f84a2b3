"""Items from files: rows for blobs that the catalog does not know, as after the loss of the database."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from indexes.descriptions import Description
from indexes.probed import new_item
from mm.errors import Corrupt, MediaError, MMError
from mm.media import MediaReader
from mm.schemas import Recovery

if TYPE_CHECKING:
    from pathlib import Path

    from indexes.store import Store

NAME_DIGITS = 12


def add_items(store: Store, *, leftovers_too: bool, say: Callable[[str], None]) -> Recovery:
    """Add an item, with a job that encodes it anew, for each blob that has a description and no row.

    With `leftovers_too`, blobs without a description are described by their hash and their age first: earlier versions wrote
    none. A file whose bytes are damaged or cannot be read is kept and reported.
    """
    lost, skipped, refused = _lost(store, leftovers_too=leftovers_too)
    added = 0
    with MediaReader.from_settings(store.settings) as reader:
        for sha256, description in lost:
            try:
                _add(store, reader, sha256, description)
            except MMError as error:
                refused[sha256] = str(error)
                continue
            added += 1
            say(f"added {description.name} ({added} of {len(lost)})")
    return Recovery(action="rebuild", items=added, skipped=skipped, refused=refused, lost=store.identity.lost_blobs())


def _lost(store: Store, *, leftovers_too: bool) -> tuple[list[tuple[str, Description]], int, dict[str, str]]:
    """Blobs to add, in the order in which they were uploaded; how many were skipped; and why others cannot be added."""
    lost: list[tuple[str, Description]] = []
    refused: dict[str, str] = {}
    skipped = 0
    for names in store.blobs.files.names():
        unknown = store.catalog.unknown_blobs(names)
        for sha256 in sorted(unknown - store.catalog.released(sorted(unknown))):
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


def _add(store: Store, reader: MediaReader, sha256: str, description: Description) -> None:
    """Raises `Corrupt` when the bytes are not those of the name, `MediaError`, `UnsupportedMedia`."""
    path = store.blobs.path(sha256)
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise Corrupt(f"The bytes of {description.name} are damaged: their checksum differs.")
    size = path.stat().st_size
    if size == 0:
        raise MediaError(description.name, "empty", "the file has no bytes")
    info = reader.probe(path, description.name)
    name = description.name
    if name == sha256[:NAME_DIGITS]:
        name = f"{name}.{info.container}"
    new = new_item(sha256, size, name, description.tags, info, created_at=description.created_at)
    item, _, _ = store.catalog.add_item(new)
    store.descriptions.write(item)
