"""Verdicts are read while the journal is written, compacted and damaged."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mm.errors import Corrupt
from mm.line.records.history import PartHistory
from mm.line.records.ledger import Ledger
from tests.line.parts import record


def decide(ledger: Ledger, *numbers: int) -> None:
    for number in numbers:
        ledger.enter(f"p{number}", float(number))
        ledger.decide(replace(record(f"p{number}"), reason='a "sequence":99, in a text', verdict="FAIL"))


def test_history_of_a_growing_journal_returns_each_verdict_once(tmp_path: Path) -> None:
    history = PartHistory(tmp_path)
    assert history.num_parts == 0
    with closing(Ledger(tmp_path, ["csv"])) as ledger:
        decide(ledger, 1, 2, 3)
        assert [verdict["part"] for verdict in history.read(0, 2)] == ["p1", "p2"]
        decide(ledger, 4)
        assert [verdict["sequence"] for verdict in history.read(2, 10)] == [3, 4]
    assert history.read(4, 10) == []
    assert history.count_verdicts() == {"PASS": 0, "FAIL": 4, "UNDECIDED": 0}


def test_history_after_compaction_includes_the_archive(tmp_path: Path) -> None:
    history = PartHistory(tmp_path)
    for first in (1, 4, 7):
        with closing(Ledger(tmp_path, ["csv"], compact_bytes=1)) as ledger:  # each opening compacts
            decide(ledger, first, first + 1, first + 2)
            ledger.accept("csv", first)
        assert [verdict["part"] for verdict in history.read(0, 100)] == [f"p{number}" for number in range(1, first + 3)]
    assert [verdict["sequence"] for verdict in PartHistory(tmp_path).read(0, 100)] == list(range(1, 10))


def test_history_of_a_line_that_is_being_written_ends_before_it(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path, [])) as ledger:
        decide(ledger, 1, 2)
    journal = tmp_path / "journal.jsonl"
    data = journal.read_bytes()
    journal.write_bytes(data[:-20])
    history = PartHistory(tmp_path)
    assert history.num_parts == 1
    journal.write_bytes(data)
    assert history.num_parts == 2


def test_history_of_a_damaged_verdict_is_corrupt(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path, [])) as ledger:
        decide(ledger, 1)
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b"in a text", b"in a TEXT"))
    with pytest.raises(Corrupt, match="Verdict 1"):
        PartHistory(tmp_path).read(0, 1)
