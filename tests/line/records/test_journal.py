"""Journal file: crashes, damage, a full disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mm.errors import Corrupt, StorageFull
from mm.line.records.journal import Journal


def write(path: Path, count: int) -> None:
    journal = Journal(path)
    for number in range(count):
        journal.append({"number": number})
    journal.close()


def numbers(path: Path) -> list[object]:
    journal = Journal(path)
    journal.close()
    return [entry["number"] for entry in journal.entries]


def test_journal_cut_at_any_byte_keeps_the_complete_lines(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write(path, 4)
    data = path.read_bytes()
    ends = [index for index, byte in enumerate(data, 1) if byte == ord("\n")]
    for size in range(len(data) + 1):
        path.write_bytes(data[:size])
        expected = sum(end <= size for end in ends)
        assert numbers(path) == list(range(expected))
        assert path.stat().st_size == ([0, *ends])[expected]


def test_journal_damaged_line_in_the_middle_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write(path, 3)
    data = bytearray(path.read_bytes())
    data[12] ^= 1
    path.write_bytes(data)
    with pytest.raises(Corrupt, match="damaged at byte 0"):
        Journal(path)


def test_journal_full_disk_leaves_the_file_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append({"number": 0})

    def fail(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(StorageFull):
            journal.append({"number": 1})
    journal.append({"number": 2})
    journal.close()
    assert numbers(path) == [0, 2]
