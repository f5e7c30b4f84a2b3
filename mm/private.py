"""Files that only the user of the service may read: a library holds private photos, and what is
said in videos."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

OTHERS = 0o077
"""Permission bits of the group and of everybody else."""
CONTENT = (
    "blobs", "broker", "cache", "catalog.db*", "index", "keys.json", "library.json", "locks", "log", "run", "shards", "spaces",
)  # fmt: skip
"""What the service makes in a home folder. Anything else there is the user's own and is left as it
is."""


def keep_private() -> None:
    """Make every file and folder that this process and its children make from now on readable by
    its user only."""
    os.umask(OTHERS)


def make_private(home: Path) -> list[Path]:
    """Make a home folder 0700, and take the permissions of others from what the service made in it
    before.

    Returns what others may still read: files of another user, and file systems without permissions.
    Raises `OSError` when the folder cannot be made.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_open(home):
        return []
    # The home folder last: it says that all of it is done.
    return [path for path in (*_content(home), home) if not _narrow(path)]


def is_open(path: Path) -> bool:
    """Whether others have any permission on a file or folder."""
    return bool(stat.S_IMODE(path.stat().st_mode) & OTHERS)


def _content(home: Path) -> Iterator[Path]:
    for pattern in CONTENT:
        for top in home.glob(pattern):
            yield top
            for folder, folders, files in os.walk(top):
                yield from (Path(folder) / name for name in (*folders, *files))


def _narrow(path: Path) -> bool:
    """Take the permissions of others. Returns whether they have none."""
    with suppress(FileNotFoundError):  # somebody removes it in this moment
        if path.is_symlink() or not is_open(path):
            return True
        with suppress(OSError):
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~OTHERS)
        return not is_open(path)
    return True
