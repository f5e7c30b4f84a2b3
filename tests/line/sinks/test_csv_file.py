"""CSV sink: exactly one line for each part, after crashes too."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from mm.errors import InvalidInput
from mm.line.sinks.csv_file import CsvSink
from mm.line.sinks.sink import DeliveryFailed
from tests.line.parts import RECORD


def deliver(path: Path, *sequences: int, reason: str = "") -> None:
    sink = CsvSink(path)
    for sequence in sequences:
        sink.deliver(replace(RECORD, part=f"part-{sequence}", sequence=sequence, reason=reason))
    sink.close()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_csv_verdicts_are_rows_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "out" / "parts.csv"
    deliver(path, 1, 2)
    first, second = rows(path)
    assert (first["part"], second["part"]) == ("part-1", "part-2")
    assert (first["verdict"], first["reject"], first["kinds"], first["score"]) == ("FAIL", "true", "spot", "1.25")


def test_csv_verdict_delivered_again_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "parts.csv"
    deliver(path, 1, 2)
    deliver(path, 2, 3)
    assert [row["sequence"] for row in rows(path)] == ["1", "2", "3"]


def test_csv_cut_at_any_byte_is_completed_by_the_next_delivery(tmp_path: Path) -> None:
    path = tmp_path / "parts.csv"
    deliver(path, 1, 2)
    data = path.read_bytes()
    for size in {*range(0, len(data), 11), len(data) - 1}:
        path.write_bytes(data[:size])
        deliver(path, *range(1 + data[:size].count(b"\n") - 1 if size > data.index(b"\n") else 1, 3))
        assert path.read_bytes() == data


def test_csv_line_break_in_a_reason_stays_in_its_row(tmp_path: Path) -> None:
    path = tmp_path / "parts.csv"
    deliver(path, 1, reason='a "quoted", \r\nbroken reason')
    deliver(path, 1, 2)
    assert [row["sequence"] for row in rows(path)] == ["1", "2"]
    assert len(path.read_bytes().splitlines()) == 3


def test_csv_file_of_another_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("name,price\r\n")
    with pytest.raises(InvalidInput, match="other columns"):
        CsvSink(path)


def test_csv_path_that_cannot_be_written_is_retried(tmp_path: Path) -> None:
    sink = CsvSink(tmp_path / "parts.csv")
    (tmp_path / "parts.csv").mkdir()
    with pytest.raises(DeliveryFailed):
        sink.deliver(RECORD)
