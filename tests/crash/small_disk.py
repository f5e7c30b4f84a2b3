"""A real disk of a few megabytes, where the kernel lets us mount one."""

from __future__ import annotations

import functools
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _run(*command: str) -> str:
    """What a command complains of, empty if nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip() or f"exit status {done.returncode}")


@functools.cache
def refusal() -> str:
    """Why no disk can be mounted here, empty if one can."""
    with tempfile.TemporaryDirectory() as folder:
        complaint = _run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder)
        if not complaint:
            _run("umount", "-l", folder)
    return complaint


class SmallDisk:
    """A folder on it, and room that can be taken away."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, left: int = 0) -> None:
        """Leave `left` bytes, in whole pages."""
        self.free()
        stat = os.statvfs(self.path)
        pages = max(stat.f_bavail - -(-left // stat.f_frsize), 0)
        with self._filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(pages * stat.f_frsize, 1))

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(path: Path, size: int) -> Iterator[SmallDisk]:
    """Mounted at `path` for as long as the block lasts."""
    path.mkdir()
    assert not _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path))
    try:
        yield SmallDisk(path)
    finally:
        _run("umount", "-l", str(path))
