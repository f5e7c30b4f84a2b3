"""Files of a folder that the server can see, copied into the library; only below the folder that
the settings allow."""

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

    from api.library import Library

MAX_FILES = 10_000


def import_folder(library: Library, root: Path | None, folder: str, tags: list[str]) -> ImportResponse:
    """Import every regular file below `folder`, a path below `root`; links are refused, not
    followed.

    Raises `Forbidden` outside `root`, `NotFound`, `InvalidInput` for more than `MAX_FILES` files,
    `Unauthorized` when the caller's key was revoked meanwhile.
    """
    start = _resolve(root, folder)
    tags = clean_tags(tags)
    paths = sorted(_files(start))
    if len(paths) > MAX_FILES:
        raise InvalidInput(f"The folder has {len(paths):,} files; one import takes at most {MAX_FILES:,}.")
    uploads: list[Upload] = []
    refused: dict[str, str] = {}
    for path in paths:
        try:
            uploads.append(_import_file(library, path, tags))
        except Unauthorized:  # the key was revoked meanwhile: what was imported before stays
            raise
        except MMError as error:
            refused[str(path.relative_to(start))] = hide_home(str(error), library.home)
        except OSError as error:
            refused[str(path.relative_to(start))] = f"It cannot be read: {error.strerror}."
    return ImportResponse(uploads=uploads, refused=refused)


def _resolve(root: Path | None, folder: str) -> Path:
    if root is None:
        raise Forbidden("Importing from folders of the server is off; MM_IMPORT_ROOT names the folder that it may read below.")
    if "\0" in folder:
        raise InvalidInput("The folder's name has a zero character in it.")
    base = root.expanduser().resolve()
    missing = NotFound(f"There is no folder {folder!r} below MM_IMPORT_ROOT.")
    try:
        start = (base / folder).resolve()
        found = start.is_dir()
    except (OSError, ValueError, RuntimeError) as error:  # a name too long, of characters that no name has, links in a ring
        raise missing from error
    if not start.is_relative_to(base):
        raise Forbidden(f"The folder {folder!r} is not below MM_IMPORT_ROOT.")
    if not found:
        raise missing
    return start


def _files(start: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(start):
        folders[:] = [name for name in folders if not name.startswith(".")]
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        yield from (Path(folder) / name for name in [*names, *links] if not name.startswith("."))


def _import_file(library: Library, path: Path, tags: list[str]) -> Upload:
    if path.is_symlink():
        raise Forbidden("It is a link, and links are not followed.")
    # Not to be fooled by a link that appears after the look above, nor to hang on a pipe.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as source, library.incoming() as incoming:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise InvalidInput("It is not a regular file.")
        shutil.copyfileobj(source, incoming, BLOCK_BYTES)
        return incoming.accept(clean_name(path.name), tags)
