"""Journal of a stream: chunks that were sent, times without video, chunks that were deleted."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

from filelock import FileLock, Timeout

from mm.errors import Conflict, Corrupt
from mm.line.records.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class SentChunk:
    """A chunk that is an item of the library. Times are seconds since 1970."""

    number: int
    name: str
    start: float
    end: float
    num_bytes: int
    item: str


@dataclass(frozen=True, slots=True)
class StreamGap:
    """A time without video, and why. Nothing is put in its place."""

    start: float
    end: float
    reason: str


class StreamState:
    """The journal in memory. Safe to use from several threads; a second process gets `Conflict`.

    Raises `Corrupt`, and `StorageFull` when an entry cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder
        self._process_lock = FileLock(folder / "lock")
        try:
            self._process_lock.acquire(timeout=0)
        except Timeout as error:
            raise Conflict("This source is already being watched by another process.") from error
        self._lock = threading.Lock()
        self._present: dict[int, SentChunk] = {}  # in the library, as far as is known
        self._gaps: list[StreamGap] = []
        self._last_number, self._last_time = 0, 0.0
        path = folder / "journal.jsonl"
        try:
            self._journal = Journal(path)
            try:
                for entry in self._journal.entries:
                    self._apply(entry)
            except (KeyError, TypeError) as error:
                raise Corrupt(f"The journal {path} has an entry of another version.") from error
            self._journal.entries.clear()
        except BaseException:
            self._process_lock.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, cls: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._journal.close()
        self._process_lock.release()

    @property
    def last_number(self) -> int:
        """Number of the last chunk that was sent; 0 without one."""
        return self._last_number

    @property
    def last_time(self) -> float:
        """End of the last chunk or gap; 0 without one."""
        return self._last_time

    def chunks(self) -> list[SentChunk]:
        """Chunks in the library, oldest first: those that `remove` was not called for."""
        with self._lock:
            return [self._present[number] for number in sorted(self._present)]

    def gaps(self) -> list[StreamGap]:
        """All gaps, oldest first."""
        with self._lock:
            return list(self._gaps)

    def add_sent(self, chunk: SentChunk) -> None:
        """Write that the library has a chunk."""
        self._write({"what": "sent", **asdict(chunk)})

    def add_gap(self, gap: StreamGap) -> None:
        """Write a time without video."""
        self._write({"what": "gap", **asdict(gap)})

    def remove(self, number: int, reason: str) -> None:
        """Write that a chunk was deleted, or is no longer subject to deletion, and why."""
        self._write({"what": "forget", "number": number, "reason": reason})

    def _write(self, entry: dict[str, object]) -> None:
        with self._lock:
            self._journal.append(entry)
            self._apply(entry)

    def _apply(self, entry: dict[str, object]) -> None:
        fields = {key: value for key, value in entry.items() if key != "what"}
        if entry["what"] == "sent":
            chunk = SentChunk(**fields)  # type: ignore[arg-type]
            self._present[chunk.number] = chunk
            self._last_number = max(self._last_number, chunk.number)
            self._last_time = max(self._last_time, chunk.end)
        elif entry["what"] == "gap":
            gap = StreamGap(**fields)  # type: ignore[arg-type]
            self._gaps.append(gap)
            self._last_time = max(self._last_time, gap.end)
        else:
            self._present.pop(int(str(fields["number"])), None)
