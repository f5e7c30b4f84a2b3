"""A tmpfs of a few megabytes, where the kernel permits a mount."""

from __future__ import annotations

import functools
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _run(*command: str) -> str:
    """Error output of a command, empty on success."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip() or f"exit status {done.returncode}")


@functools.cache
def refusal() -> str:
    """Why no file system can be mounted here, empty if one can."""
    with tempfile.TemporaryDirectory() as folder:
        error_output = _run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder)
        if not error_output:
            _run("umount", "-l", folder)
    return error_output


class SmallDisk:
    """A folder on the file system, and a file that fills it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, left: int = 0) -> None:
        """Fill it up to `left` free bytes, in whole pages."""
        self.free()
        stat = os.statvfs(self.path)
        pages = max(stat.f_bavail - -(-left // stat.f_frsize), 0)
        with self._filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(pages * stat.f_frsize, 1))

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(path: Path, size: int) -> Iterator[SmallDisk]:
    """Mount it at `path` for the duration of the block."""
    path.mkdir()
    assert not _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path))
    try:
        yield SmallDisk(path)
    finally:
        _run("umount", "-l", str(path))
