"""Where the files of questions are while they are answered: a folder for each process that serves,
which goes with it."""

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
    """A folder below `root`, a library's, for as long as the block lasts. What processes that died
    left behind is removed.

    A lock says who lives: others may serve the same library. Raises `Unavailable` when the disk
    cannot be written.
    """
    above, locks = root / "cache" / "questions", root / "locks"
    above.mkdir(parents=True, exist_ok=True)
    for left in above.iterdir():
        with suppress(Unavailable), hold_lock(locks / f"questions-{left.name}.lock", 0.0):
            _remove(left, locks)
    folder = above / secrets.token_hex(8)
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
