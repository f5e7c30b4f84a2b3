"""Journal of a watched folder: which files, and which contents, the library has received.

Entries: `file` (path, size, time and content of a file that was sent, known or refused).
The path and the state of a file decide whether it is read again; its content whether it is sent.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

from filelock import FileLock, Timeout

from mm.errors import Conflict, Corrupt
from mm.files import write_atomic
from mm.line.records.journal import Entry, Journal, encode_entries

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

CONTENT_DIGITS = 32
"""First hex digits of the SHA-256 of a file, as in the ids of items."""
COMPACT_RATIO, COMPACT_ENTRIES = 2, 1000
"""A journal is compacted when it is opened with this many entries for each path, and in all."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file as it was when it was sent, or refused."""

    path: str  # relative to the folder; bytes that are no UTF-8 are surrogates
    size: int
    mtime_ns: int
    content: str  # `CONTENT_DIGITS` of its SHA-256; empty for a refused file


class FolderState:
    """The journal in memory. Used by one thread; a second process gets `Conflict`.

    Raises `Corrupt`, and `StorageFull` when an entry cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` holds the journal; it is not the watched one."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = FileLock(folder / "lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise Conflict("This source is already being watched by another process.") from error
        self._files: dict[str, FileRecord] = {}
        self._contents: set[str] = set()
        self._sizes: set[int] = set()
        path = folder / "journal.jsonl"
        try:
            self._journal = Journal(path)
            self._replay(path)
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, cls: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Flush and close the journal."""
        self._journal.close()
        self._lock.release()

    @property
    def num_contents(self) -> int:
        """Different contents that the library has received."""
        return len(self._contents)

    def is_recorded(self, path: str, status: os.stat_result) -> bool:
        """Whether the file is unchanged since it was sent or refused."""
        record = self._files.get(path)
        return record is not None and (record.size, record.mtime_ns) == (status.st_size, status.st_mtime_ns)

    def may_have(self, size: int) -> bool:
        """Whether a content of this size was sent: only then a file need be hashed."""
        return size in self._sizes

    def has_content(self, content: str) -> bool:
        """Whether this content was sent, under whatever path."""
        return content in self._contents

    def record(self, path: str, status: os.stat_result, content: str) -> None:
        """Write, durably, that a file was sent; `content` is empty for one that was refused."""
        record = FileRecord(path, status.st_size, status.st_mtime_ns, content)
        self._journal.append({"what": "file", **asdict(record)})
        self._apply(record)

    def _apply(self, record: FileRecord) -> None:
        self._files[record.path] = record
        if record.content:
            self._contents.add(record.content)
            self._sizes.add(record.size)

    def _replay(self, path: Path) -> None:
        entries = self._journal.entries
        try:
            for entry in entries:
                fields = {key: value for key, value in entry.items() if key != "what"}
                self._apply(FileRecord(**fields))  # type: ignore[arg-type]
        except TypeError as error:
            raise Corrupt(f"The journal {path} has an entry of another version.") from error
        # Contents whose path was taken by another file must stay: they were sent.
        last: dict[tuple[str, str], Entry] = {}
        for entry in entries:
            key = (str(entry["path"]), str(entry["content"]))
            last.pop(key, None)  # the present file of a path must be its last entry
            last[key] = entry
        if len(entries) > max(COMPACT_ENTRIES, COMPACT_RATIO * len(last)):
            self._journal.close()
            write_atomic(path, encode_entries(list(last.values())))
            self._journal = Journal(path)
        self._journal.entries.clear()
