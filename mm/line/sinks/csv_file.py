"""CSV file: one line for each part, exactly once, also after a crash."""

from __future__ import annotations

import csv
import io
import os
from typing import TYPE_CHECKING, BinaryIO

from mm.errors import InvalidInput
from mm.line.sinks.sink import DeliveryFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mm.line.types import PartRecord

COLUMNS = (
    "sequence", "part", "line", "verdict", "reject", "reason", "score", "p_value", "num_frames", "num_inspected", "num_failed",
    "num_dropped", "false_alarm_bound", "entered", "left", "decided", "latency_seconds", "inspector", "version", "kinds",
)  # fmt: skip
TAIL_BYTES = 1 << 20


class CsvSink:
    """Appends to a file, RFC 4180, UTF-8, with a header.

    A line that a crash left unfinished is removed. A verdict whose sequence number the last lines
    have is not written again. Raises `InvalidInput` when the file has another header.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._last = 0
        self.name = f"csv:{path.resolve()}"
        if path.exists() and path.stat().st_size:
            with path.open("rb") as file:
                header = file.readline()
            if header.endswith(b"\n") and header != _line(COLUMNS):
                raise InvalidInput(f"{path} has other columns than the verdicts of a line; choose another file.")

    def deliver(self, record: PartRecord) -> None:
        try:
            file = self._file or self._open()
            if record.sequence > self._last:
                value = record.as_json()
                kinds = " ".join(sorted({region.kind for region in record.regions if region.kind}))
                row = [kinds if column == "kinds" else value[column] for column in COLUMNS]
                _write(
                    file, _line(["" if cell is None else str(cell).lower() if isinstance(cell, bool) else cell for cell in row])
                )
                self._last = record.sequence
        except OSError as error:
            self.close()
            raise DeliveryFailed(f"{self._path} cannot be written: {error.strerror}.") from error

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> BinaryIO:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        file = os.fdopen(handle, "r+b", buffering=0)
        try:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - TAIL_BYTES)
            file.seek(start)
            tail = file.read()
            end = tail.rfind(b"\n") + 1
            file.truncate(start + end)
            file.seek(start + end)
            self._last = _last_sequence(tail[:end])
            if not start + end:
                _write(file, _line(COLUMNS))
        except BaseException:
            file.close()
            raise
        self._file = file
        return file


def _line(cells: Sequence[object]) -> bytes:
    """A row whose cells have no line breaks, so that a cut line is found by its end."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([" ".join(str(cell).splitlines()) for cell in cells])
    return text.getvalue().encode()


def _write(file: BinaryIO, data: bytes) -> None:
    written = 0
    while written < len(data):
        written += file.write(data[written:])
    os.fsync(file.fileno())


def _last_sequence(tail: bytes) -> int:
    """Sequence number of the last line; no cell contains a line break."""
    lines = tail.rstrip(b"\r\n").rsplit(b"\n", 1)
    number = lines[-1].split(b",", 1)[0]
    return int(number) if number.isdigit() else 0
