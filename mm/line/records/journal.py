"""Append-only file of JSON records; each line begins with the CRC-32 of the rest.

A line that a crash left unfinished is cut off when the file is opened. A damaged line before the
last one is an error: it was complete once.
"""

from __future__ import annotations

import json
import os
import zlib
from typing import TYPE_CHECKING, BinaryIO

from mm.errors import Corrupt, StorageFull

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Entry = dict[str, object]


class Journal:
    """One open journal. One process and one thread at a time writes it; see `Ledger`."""

    def __init__(self, path: Path) -> None:
        """Open or create the file and read its entries into `entries`. Raises `Corrupt`."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._file: BinaryIO = os.fdopen(handle, "r+b", buffering=0)
        try:
            self.entries, end = _read_entries(self._file.read(), path)
            self._file.truncate(end)
            self._file.seek(end)
            self._end = end
            _sync_folder(path.parent)
        except BaseException:
            self._file.close()
            raise

    def append(self, entry: Mapping[str, object], *, durable: bool = True) -> None:
        """Write an entry; `durable` returns when it is on the disk.

        Raises `StorageFull` and leaves the file as it was when the disk has no space.
        """
        line = _encode(entry)
        try:
            written = 0
            while written < len(line):
                written += self._file.write(line[written:])
            if durable:
                os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(self._end)
            self._file.seek(self._end)
            raise StorageFull(f"The journal {self.path.name} cannot be written: {error.strerror}.") from error
        self._end += len(line)

    @property
    def num_bytes(self) -> int:
        """Size of the file."""
        return self._end

    def close(self) -> None:
        """Flush the file to disk and close it."""
        if not self._file.closed:
            os.fsync(self._file.fileno())
            self._file.close()


def encode_entries(entries: list[Entry]) -> bytes:
    """The contents of a journal with these entries."""
    return b"".join(map(_encode, entries))


def _encode(entry: Mapping[str, object]) -> bytes:
    text = json.dumps(entry, separators=(",", ":")).encode("ascii")
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _read_entries(data: bytes, path: Path) -> tuple[list[Entry], int]:
    """The entries, and the end of the last complete line in bytes."""
    entries: list[Entry] = []
    position = 0
    while position < len(data):
        end = data.find(b"\n", position)
        entry = _decode(data[position:end]) if end >= 0 else None
        if entry is None:
            if end >= 0 and end + 1 < len(data):
                raise Corrupt(f"The journal {path} is damaged at byte {position:,}.")
            break
        entries.append(entry)
        position = end + 1
    return entries, position


def _decode(line: bytes) -> Entry | None:
    checksum, _, text = line.partition(b" ")
    try:
        if int(checksum, 16) != zlib.crc32(text):
            return None
        entry = json.loads(text)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
