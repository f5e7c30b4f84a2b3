"""Privacy of the home folder: file permissions, and no server paths in texts that clients receive.

A library holds private images and transcripts, so only the user of the service may read its files.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

OTHERS_MASK = 0o077
"""Permission bits of the group and of other users."""
HOME_CONTENT = (
    "blobs", "broker", "cache", "catalog.db*", "index", "inspectors", "keys.json", "library.json", "lines", "locks", "log", "run",
    "shards", "spaces",
)  # fmt: skip
"""What the service creates in a home folder. Other entries belong to the user; it leaves them."""


def restrict_umask() -> None:
    """Make new files and folders of this process and its children accessible to its user only."""
    os.umask(OTHERS_MASK)


def make_home_private(home: Path) -> list[Path]:
    """Create the home folder with mode 0700, and remove permissions of others from its contents.

    Returns paths that others can still access: files of another user, or on a file system without
    permissions. Raises `OSError` when the folder cannot be created.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_accessible_by_others(home):
        return []
    # The home folder last: its mode marks that all contents were processed.
    return [path for path in (*_service_files(home), home) if not _remove_others(path)]


def is_accessible_by_others(path: Path) -> bool:
    """Whether the group or other users have any permission on a file or folder."""
    return bool(stat.S_IMODE(path.stat().st_mode) & OTHERS_MASK)


def hide_home(text: str, home: Path) -> str:
    """Replace the path of the home folder by `MM_HOME`: responses contain no path of the server."""
    return text.replace(str(home), "MM_HOME")


def _service_files(home: Path) -> Iterator[Path]:
    for pattern in HOME_CONTENT:
        for top in home.glob(pattern):
            yield top
            for folder, folders, files in os.walk(top):
                yield from (Path(folder) / name for name in (*folders, *files))


def _remove_others(path: Path) -> bool:
    """Remove the permissions of others. Returns whether none are left."""
    with suppress(FileNotFoundError):  # removed by another process at the same time
        if path.is_symlink() or not is_accessible_by_others(path):
            return True
        with suppress(OSError):
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~OTHERS_MASK)
        return not is_accessible_by_others(path)
    return True
