"""Operations on files that all packages share: atomic write, hash, JSON lines.

New files are readable by their user only, whatever the umask.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from mm.errors import InvalidInput

TEMPORARY = ".part"
"""Suffix of files that are being written; garbage collection removes those that a crash leaves."""


@contextmanager
def open_new(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Create a file and open it for writing; it is removed when the block raises.

    `durable` flushes it to disk at the end of the block. Raises `FileExistsError`, `OSError`.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def open_atomic(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces `path` at the end of the block.

    When the block raises, `path` is unchanged and the temporary file is removed. `durable` flushes
    the contents to disk before the rename; without it a power failure can leave an empty file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}{TEMPORARY}")
    with open_new(temporary, durable=durable) as file:
        yield file
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomic(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file as `open_atomic` does: a crash leaves the old contents or the new ones."""
    with open_atomic(path, durable=durable) as file:
        file.write(data)


def hash_file(path: Path, digits: int = 64) -> str:
    """First hex digits of the SHA-256 of a file. Raises `OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:digits]


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file with one on each line; empty lines are skipped.

    Raises `InvalidInput`, which names the file and the line.
    """
    number = 0
    rows: list[dict[str, Any]] = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    rows.append(json.loads(line))
                    if not isinstance(rows[-1], dict):
                        raise InvalidInput(f"{path}, line {number}: expected a JSON object.")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise InvalidInput(f"{path}, line {number}: not JSON: {error}.") from error
    return rows
