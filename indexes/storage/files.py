"""Durable writes (temporary file, fsync, rename, fsync of the folder) and locks of a library."""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from mm.errors import StorageFull, Unavailable
from mm.files import TEMPORARY, open_new

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""`errno` of a full disk or an exhausted quota."""


@contextmanager
def translate_disk_errors(folder: Path) -> Iterator[None]:
    """Raise `StorageFull`, or `Unavailable` with the reason, for an `OSError` below `folder`."""
    try:
        yield
    except OSError as error:
        kind = StorageFull if error.errno in DISK_FULL else Unavailable
        raise kind(f"The folder {folder} cannot be written: {error.strerror or error}.") from error


def temporary_path(folder: Path) -> Path:
    """A new name for a temporary file in `folder`; garbage collection removes those of crashes."""
    return folder / f"{secrets.token_hex(8)}{TEMPORARY}"


def write_durable(path: Path, data: bytes, incoming: Path | None = None) -> None:
    """Write a file so that a crash or a power failure leaves the old contents or the new ones.

    `incoming` is the folder of the temporary file, in the same file system; by default that of
    `path`. Raises `Unavailable`.
    """
    with translate_disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_path(incoming or path.parent)
        temporary.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open_new(temporary) as file:
                file.write(data)
            rename_durable(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def rename_durable(temporary: Path, path: Path) -> None:
    """Rename a file whose contents are flushed, and flush the new name."""
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_stale(paths: Iterator[Path], seconds: float) -> int:
    """Remove files that were not modified for so many seconds. Returns how many."""
    limit = time.time() - seconds
    removed = 0
    for path in paths:
        try:
            if path.stat().st_mtime <= limit:
                path.unlink()
                removed += 1
        except FileNotFoundError:
            continue
    return removed


@contextmanager
def hold_lock(path: Path, seconds: float) -> Iterator[None]:
    """Hold a file lock between threads and processes; the end of the process releases it.

    Raises `Unavailable` when another process holds it for longer than `seconds`.
    """
    with translate_disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=seconds, thread_local=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise Unavailable(f"Another process has locked {path} for {seconds:.0f} s; try again later.") from error
    try:
        yield
    finally:
        lock.release()
