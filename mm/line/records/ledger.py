"""Ledger of one line: which parts entered, their verdicts, and what each sink has accepted.

Every part id has at most one verdict. A part that entered and has none when the ledger is opened
was interrupted. Entries: `enter` (a part), `record` (a verdict), `sink` (a position, or a record
that it refused), `position` (of a source), `state` (the start of a compacted journal).
"""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from filelock import FileLock, Timeout

from mm.errors import Conflict, Corrupt
from mm.files import write_atomic
from mm.line.records.journal import Entry, Journal, encode_entries
from mm.line.types import PartRecord

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

COMPACT_BYTES = 32 << 20  # of a journal that is archived when it is opened


class Ledger:
    """The journal of a folder and its state in memory. Safe to use from several threads.

    Raises `Conflict` when another process has it open, `Corrupt`, and `StorageFull` when an entry
    cannot be written.
    """

    def __init__(self, folder: Path, sinks: Sequence[str], compact_bytes: int = COMPACT_BYTES) -> None:
        """`sinks` are names; a sink that is new receives the verdicts from now on."""
        folder.mkdir(parents=True, exist_ok=True)
        self._process_lock = FileLock(folder / "lock")
        try:
            self._process_lock.acquire(timeout=0)
        except Timeout as error:
            raise Conflict(f"The line {folder.name} is already running in another process.") from error
        self._changed = threading.Condition()
        self._decided: dict[str, int] = {}  # part id to sequence number, oldest first
        self._open: dict[str, float] = {}  # part id to the time at which it entered
        self._records: dict[int, PartRecord] = {}  # that a sink has yet to accept
        self._positions: dict[str, float] = {}
        self._sinks: dict[str, int] = {}  # name to the last sequence number that is done
        self._refused: dict[str, int] = {}
        self._last = 0
        try:
            self._journal = Journal(folder / "journal.jsonl")
        except BaseException:
            self._process_lock.release()
            raise
        try:
            self._replay()
            if self._journal.num_bytes > compact_bytes:
                self._compact()
            self._start_sinks(sinks)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, cls: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Flush and close the journal; another process may open it afterwards."""
        with self._changed:
            self._journal.close()
        self._process_lock.release()

    @property
    def open_parts(self) -> dict[str, float]:
        """Parts that entered and have no verdict, with the time at which they entered."""
        with self._changed:
            return dict(self._open)

    @property
    def num_decided(self) -> int:
        """Verdicts since the line was created."""
        return self._last

    def is_decided(self, part: str) -> bool:
        """Whether a part has its verdict."""
        with self._changed:
            return part in self._decided

    def enter(self, part: str, time: float) -> bool:
        """Write that a part entered. Returns False when it has its verdict already."""
        with self._changed:
            if part in self._decided:
                return False
            if part not in self._open:
                self._journal.append({"what": "enter", "part": part, "time": time})
                self._open[part] = time
            return True

    def decide(self, record: PartRecord, source: str = "", position: float | None = None) -> PartRecord | None:
        """Write a verdict, durably, and return it with its sequence number.

        In the same entry the `position` from which `source` has to be read again. Returns None, and
        writes nothing, when the part has a verdict.
        """
        with self._changed:
            if record.part in self._decided:
                return None
            numbered = replace(record, sequence=self._last + 1)
            entry: Entry = {"what": "record", "record": numbered.as_json(), "source": source, "position": position}
            self._journal.append(entry)
            self._apply(entry)
            self._changed.notify_all()
            return numbered

    def position(self, source: str) -> float | None:
        """Where a source has to be read from; None when it was not read before."""
        with self._changed:
            return self._positions.get(source)

    def next_for(self, sink: str, timeout: float) -> PartRecord | None:
        """The first verdict that a sink has yet to accept; waits up to `timeout` seconds for it."""
        with self._changed:
            self._changed.wait_for(lambda: self._sinks[sink] < self._last, timeout)
            number = self._sinks[sink] + 1
            return self._records[number] if number <= self._last else None

    def num_pending(self, sink: str) -> int:
        """Verdicts that a sink has yet to accept."""
        with self._changed:
            return self._last - self._sinks[sink]

    def num_refused(self, sink: str) -> int:
        """Verdicts that a sink has refused for good."""
        with self._changed:
            return self._refused.get(sink, 0)

    def accept(self, sink: str, sequence: int, refusal: str = "") -> None:
        """Write that a sink is done with a verdict; `refusal` is the reason why it never takes it.

        Not flushed to disk at once: after a crash, the same verdict is sent again with the same id.
        """
        with self._changed:
            entry: Entry = {"what": "sink", "sink": sink, "sequence": sequence, "refusal": refusal}
            self._journal.append(entry, durable=False)
            self._apply(entry)
            self._discard_accepted()

    def wait_until_accepted(self, timeout: float) -> bool:
        """Wait until every sink is done with all verdicts; return False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: all(done == self._last for done in self._sinks.values()), timeout)

    def _start_sinks(self, sinks: Sequence[str]) -> None:
        for sink in sinks:
            if sink not in self._sinks:
                entry: Entry = {"what": "sink", "sink": sink, "sequence": self._last, "refusal": ""}
                self._journal.append(entry)
                self._apply(entry)
        self._sinks = {sink: done for sink, done in self._sinks.items() if sink in sinks}
        with self._changed:
            self._discard_accepted()

    def _replay(self) -> None:
        try:
            for entry in self._journal.entries:
                self._apply(entry)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Corrupt(f"The journal {self._journal.path} has an entry of another version: {error!r}.") from error
        self._journal.entries.clear()

    def _apply(self, entry: Entry) -> None:
        match entry["what"]:
            case "enter":
                self._open[str(entry["part"])] = _number(entry["time"])
            case "record":
                record = PartRecord.from_json(entry["record"])  # type: ignore[arg-type]
                self._decided[record.part] = self._last = record.sequence
                self._records[record.sequence] = record
                self._open.pop(record.part, None)
                if entry["position"] is not None:
                    self._positions[str(entry["source"])] = _number(entry["position"])
            case "sink":
                sink = str(entry["sink"])
                self._sinks[sink] = int(_number(entry["sequence"]))
                self._refused[sink] = self._refused.get(sink, 0) + bool(entry["refusal"])
            case "state":
                self._decided.update({str(part): int(number) for part, number in entry["decided"].items()})  # type: ignore[attr-defined]
                self._positions.update(entry["positions"])  # type: ignore[call-overload]
                self._refused.update(entry["refused"])  # type: ignore[call-overload]
                self._sinks.update(entry["sinks"])  # type: ignore[call-overload]
                self._last = int(_number(entry["last"]))
            case what:
                raise ValueError(f"unknown entry {what!r}")

    def _discard_accepted(self) -> None:
        first = min(self._sinks.values(), default=self._last)
        for number in [number for number in self._records if number <= first]:
            del self._records[number]
        self._changed.notify_all()

    def _compact(self) -> None:
        """Replace the journal by its state; the old one is kept beside it under its last number."""
        first = min(self._sinks.values(), default=self._last)
        state: Entry = {
            "what": "state", "decided": self._decided, "positions": self._positions, "refused": self._refused,
            "sinks": self._sinks, "last": first,
        }  # fmt: skip
        kept: list[Entry] = [
            {"what": "record", "record": self._records[number].as_json(), "source": "", "position": None}
            for number in range(first + 1, self._last + 1)
        ]
        entered: list[Entry] = [{"what": "enter", "part": part, "time": time} for part, time in self._open.items()]
        path = self._journal.path
        self._journal.close()
        archive = path.with_name(f"journal-{self._last}.jsonl")
        if not archive.exists():
            archive.hardlink_to(path)
        write_atomic(path, encode_entries([state, *kept, *entered]))
        self._journal = Journal(path)
        self._journal.entries.clear()


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return value
