"""Scratch folder for the files of queries: one per serving process, deleted when it ends."""

from __future__ import annotations

import secrets
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from indexes.storage.files import hold_lock
from mm.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """A new folder below `root`, the home of a library, for the duration of the block.

    Folders of processes that died are deleted first; a lock identifies the folders in use, because
    several processes may serve one library. Raises `Unavailable` if the disk cannot be written.
    """
    parent, locks = root / "cache" / "questions", root / "locks"
    parent.mkdir(parents=True, exist_ok=True)
    for orphan in parent.iterdir():
        with suppress(Unavailable), hold_lock(locks / f"questions-{orphan.name}.lock", 0.0):
            _remove(orphan, locks)
    folder = parent / secrets.token_hex(8)
    with hold_lock(locks / f"questions-{folder.name}.lock", 0.0):
        folder.mkdir()
        try:
            yield folder
        finally:
            _remove(folder, locks)


def _remove(path: Path, locks: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    (locks / f"questions-{path.name}.lock").unlink(missing_ok=True)
