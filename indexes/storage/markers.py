"""Marker files: each `library.json` names the catalog that a folder of the library belongs to.

`MM_HOME` and each folder of content-addressed files below it have one. A folder without a marker
is missing or not mounted, and nothing is written to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from indexes.storage.files import write_durable
from mm.errors import WrongLibrary

if TYPE_CHECKING:
    from pathlib import Path

MARKER = "library.json"
FORMAT = 1
FOLDERS = ("blobs", "shards")
"""Folders below `MM_HOME` with a marker of their own."""
RECOVERY_OPTIONS = (
    "Check MM_HOME, MM_DATABASE_URL and the mounts, or restore a backup. Otherwise run one of: `mm doctor --adopt` if the "
    "catalog and the folder belong together, `mm doctor --rebuild` to add the items whose files are in the folder to the "
    "catalog, `mm doctor --empty` to move the files to the trash and start with an empty library."
)
"""What an administrator can do when a catalog and a folder do not match; part of error messages."""


class Marker(BaseModel):
    """Content of a `library.json`."""

    format: int = FORMAT
    identity: str
    """`library.identity` of the catalog."""
    revision: int = 0
    """In `MM_HOME`: the highest `library.revision` of the catalog that was recorded."""
    described: bool = True
    """In `MM_HOME`: whether every blob of an item has a description."""


def read_marker(folder: Path) -> Marker | None:
    """Read the marker of a folder, None without one. Raises `WrongLibrary` if it is unreadable."""
    path = folder / MARKER
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise WrongLibrary(f"{path} cannot be read: {error.strerror}. Check its permissions and the mount.") from error
    try:
        marker = Marker.model_validate_json(data)
    except ValidationError as error:
        raise WrongLibrary(f"{path} is damaged. {RECOVERY_OPTIONS}") from error
    if marker.format > FORMAT:
        raise WrongLibrary(f"{path} was written by a newer version of mm; use that version.")
    return marker


def write_marker(folder: Path, marker: Marker) -> None:
    """Write the marker of a folder. Raises `Unavailable` or `StorageFull` when the disk fails."""
    write_durable(folder / MARKER, marker.model_dump_json().encode())
