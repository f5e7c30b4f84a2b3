"""Reads the verdicts of a journal while the process of the line appends to it.

The position of each verdict in the files is in memory, 16 bytes each; the verdicts are not. Files
are `journal.jsonl` and the archives that compaction left, `journal-LAST.jsonl`.
"""

from __future__ import annotations

import json
import re
import threading
import zlib
from array import array
from pathlib import Path

from mm.errors import Corrupt

JOURNAL, ARCHIVE = "journal.jsonl", re.compile(r"journal-(\d+)\.jsonl")
BLOCK_BYTES = 1 << 20
RECORD = b'{"what":"record"'
SEQUENCE = re.compile(rb'"sequence":(\d+)[,}]')
VERDICTS = ("PASS", "FAIL", "UNDECIDED")
VERDICT = re.compile(rb'"verdict":"(PASS|FAIL|UNDECIDED)"')

Verdict = dict[str, object]
"""The JSON of a `PartRecord`."""


class PartHistory:
    """The verdicts of one line by their sequence numbers. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._reset()

    @property
    def num_parts(self) -> int:
        """Verdicts since the line was created."""
        with self._lock:
            self._refresh()
            return len(self._offsets)

    def count_verdicts(self) -> dict[str, int]:
        """Verdicts since the line was created, by kind."""
        with self._lock:
            self._refresh()
            return dict(self._counts)

    def read(self, after: int, limit: int) -> list[Verdict]:
        """Verdicts with sequence numbers above `after`, at most `limit`, in order.

        Raises `Corrupt` for a verdict that cannot be read.
        """
        with self._lock:
            self._refresh()
            last = min(after + limit, len(self._offsets))
            try:
                return [self._read_one(number) for number in range(max(after, 0) + 1, last + 1)]
            except (Corrupt, OSError):  # the journal was compacted meanwhile
                self._reset()
                self._refresh()
                return [self._read_one(number) for number in range(max(after, 0) + 1, last + 1)]

    def _reset(self) -> None:
        self._files: list[Path] = []
        self._file_numbers, self._offsets = array("Q"), array("Q")
        self._counts = dict.fromkeys(VERDICTS, 0)
        self._journal_id: tuple[int, int] | None = None
        self._end = 0

    def _refresh(self) -> None:
        """Read what was appended; read all files again when the journal was replaced."""
        journal = self._folder / JOURNAL
        try:
            status = journal.stat()
        except OSError:
            return
        identity = status.st_dev, status.st_ino
        if identity != self._journal_id or status.st_size < self._end:
            self._reset()
            for archive in sorted(self._list_archives()):
                self._scan(self._folder / f"journal-{archive}.jsonl", 0)
            self._journal_id, self._end = identity, self._scan(journal, 0)
        elif status.st_size > self._end:
            self._end = self._scan(journal, self._end)

    def _list_archives(self) -> list[int]:
        matches = (ARCHIVE.fullmatch(path.name) for path in self._folder.iterdir())
        return [int(match[1]) for match in matches if match]

    def _scan(self, path: Path, start: int) -> int:
        """Add the verdicts of a file from a position on; return the end of its last whole line."""
        if not self._files or self._files[-1] != path:
            self._files.append(path)
        with path.open("rb") as file:
            file.seek(start)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # being written
                self._add(line, start)
                start += len(line)
        return start

    def _add(self, line: bytes, offset: int) -> None:
        if line[9 : 9 + len(RECORD)] != RECORD:
            return
        sequences, verdict = SEQUENCE.findall(line), VERDICT.search(line)
        # Strings have no unescaped quotes: neither pattern matches within one.
        if verdict is None or not sequences or int(sequences[-1]) != len(self._offsets) + 1:
            return  # of an archive that was read before
        self._file_numbers.append(len(self._files) - 1)
        self._offsets.append(offset)
        self._counts[verdict[1].decode()] += 1

    def _read_one(self, number: int) -> Verdict:
        path = self._files[self._file_numbers[number - 1]]
        with path.open("rb") as file:
            file.seek(self._offsets[number - 1])
            checksum, _, text = file.readline().rstrip(b"\n").partition(b" ")
        try:
            if int(checksum, 16) == zlib.crc32(text):
                record = json.loads(text)["record"]
                if isinstance(record, dict) and record["sequence"] == number:
                    return record
        except (ValueError, KeyError, TypeError):
            pass
        raise Corrupt(f"Verdict {number} of the line {self._folder.name} cannot be read.")
