"""Import of a folder of the server, below MM_IMPORT_ROOT."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from api.http.bodies import BLOCK_BYTES
from api.uploads.names import clean_name, clean_tags
from mm.errors import Forbidden, InvalidInput, MMError, NotFound, Unauthorized
from mm.private import hide_home
from mm.schemas import ImportResponse, Upload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api.uploads.ingest import Ingest

MAX_FILES = 10_000
MAX_FOLDERS = 500


def import_folder(ingest: Ingest, root: Path | None, folder: str, tags: list[str]) -> ImportResponse:
    """Import every regular file below `folder`, a path below `root`. Links are refused.

    Raises `Forbidden` outside `root`, `NotFound`, `InvalidInput` for more than `MAX_FILES` files,
    and `Unauthorized` when the key of the client was revoked meanwhile.
    """
    start = resolve_folder(root, folder)
    tags = clean_tags(tags)
    paths = sorted(_list_files(start))
    if len(paths) > MAX_FILES:
        raise InvalidInput(f"The folder has {len(paths):,} files; the maximum of an import is {MAX_FILES:,}.")
    uploads: list[Upload] = []
    refused: dict[str, str] = {}
    for path in paths:
        try:
            uploads.append(_import_file(ingest, path, tags))
        except Unauthorized:  # the items that were imported before are kept
            raise
        except MMError as error:
            refused[str(path.relative_to(start))] = hide_home(str(error), ingest.store.settings.root)
        except OSError as error:
            refused[str(path.relative_to(start))] = f"It cannot be read: {error.strerror}."
    return ImportResponse(uploads=uploads, refused=refused)


def resolve_folder(root: Path | None, folder: str) -> Path:
    """The path of a folder below `root`. Raises `Forbidden`, `NotFound` and `InvalidInput`."""
    if root is None:
        raise Forbidden(
            "Import from folders of the server is disabled; set MM_IMPORT_ROOT to the folder below which it may read."
        )
    if "\0" in folder:
        raise InvalidInput("The name of the folder contains a null character.")
    base = root.expanduser().resolve()
    missing = NotFound(f"There is no folder {folder!r} below MM_IMPORT_ROOT.")
    try:
        start = (base / folder).resolve()
        is_folder = start.is_dir()
    except (OSError, ValueError, RuntimeError) as error:  # name too long, invalid characters, a cycle of links
        raise missing from error
    if not start.is_relative_to(base):
        raise Forbidden(f"The folder {folder!r} is not below MM_IMPORT_ROOT.")
    if not is_folder:
        raise missing
    return start


def list_folders(root: Path | None, folder: str) -> tuple[list[str], bool]:
    """Folders in `folder`, as paths relative to `root` by name, and whether these are all.

    Hidden folders and links that lead out of `root` are left out. Raises as `resolve_folder`.
    """
    start = resolve_folder(root, folder)
    base = root.expanduser().resolve() if root else start
    try:
        with os.scandir(start) as entries:
            found = [start / entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    except OSError as error:
        raise InvalidInput(f"The folder {folder!r} cannot be read: {error.strerror}.") from error
    names = sorted(path.relative_to(base).as_posix() for path in found if path.resolve().is_relative_to(base))
    return names[:MAX_FOLDERS], len(names) <= MAX_FOLDERS


def _list_files(start: Path) -> Iterator[Path]:
    """Yield all files and links below `start` except hidden ones."""
    for folder, folders, names in os.walk(start):
        folders[:] = [name for name in folders if not name.startswith(".")]
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        yield from (Path(folder) / name for name in [*names, *links] if not name.startswith("."))


def _import_file(ingest: Ingest, path: Path, tags: list[str]) -> Upload:
    if path.is_symlink():
        raise Forbidden("It is a link, and links are not followed.")
    # O_NOFOLLOW: a link may appear after the check above. O_NONBLOCK: opening a pipe would block.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as source, ingest.start() as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise InvalidInput("It is not a regular file.")
        shutil.copyfileobj(source, file, BLOCK_BYTES)
        return file.accept(clean_name(path.name), tags)
