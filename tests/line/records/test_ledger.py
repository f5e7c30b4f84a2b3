"""Ledger: one verdict for each part, positions of sinks and sources, restarts."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from mm.errors import Conflict, Corrupt
from mm.line.records.journal import Journal
from mm.line.records.ledger import Ledger
from mm.line.types import PartRecord, make_part_id
from tests.line.parts import RECORD, record


def drain(ledger: Ledger, sink: str) -> list[str]:
    parts = []
    while (pending := ledger.next_for(sink, 0.0)) is not None:
        parts.append(pending.part)
        ledger.accept(sink, pending.sequence)
    return parts


def test_part_record_survives_json() -> None:
    assert PartRecord.from_json(RECORD.as_json()) == RECORD


@pytest.mark.parametrize("text", ["=cmd()", "a b", "Ünicode", "x" * 300, "", "../up"])
def test_make_part_id_any_text_is_valid_and_distinct(text: str) -> None:
    part = make_part_id(text)
    assert make_part_id(part) == part
    assert part[0].isalnum()
    assert part != make_part_id(text + "?")


def test_ledger_second_verdict_of_a_part_is_ignored(tmp_path: Path) -> None:
    with Ledger(tmp_path / "press", ["csv"]) as ledger:
        assert ledger.enter("a", 1.0)
        first = ledger.decide(record("a"))
        assert first is not None
        assert first.sequence == 1
        assert ledger.decide(record("a", "PASS")) is None
        assert not ledger.enter("a", 2.0)
        assert drain(ledger, "csv") == ["a"]


def test_ledger_opened_again_has_parts_positions_and_pending_verdicts(tmp_path: Path) -> None:
    with Ledger(tmp_path / "press", ["csv", "webhook:1"]) as ledger:
        for part in "abc":
            ledger.enter(part, 1.0)
        ledger.decide(record("a"), "file", 0.5)
        ledger.decide(record("b"), "file", 0.75)
        assert drain(ledger, "csv") == ["a", "b"]
    with Ledger(tmp_path / "press", ["csv", "webhook:1"]) as ledger:
        assert ledger.open_parts == {"c": 1.0}
        assert ledger.position("file") == 0.75
        assert ledger.num_pending("csv") == 0
        assert drain(ledger, "webhook:1") == ["a", "b"]


def test_ledger_new_sink_receives_later_verdicts_only(tmp_path: Path) -> None:
    with Ledger(tmp_path / "press", ["csv"]) as ledger:
        ledger.decide(record("a"))
    with Ledger(tmp_path / "press", ["csv", "mqtt:1"]) as ledger:
        ledger.decide(record("b"))
        assert drain(ledger, "mqtt:1") == ["b"]
        assert drain(ledger, "csv") == ["a", "b"]


def test_ledger_refused_verdict_is_counted_and_passed(tmp_path: Path) -> None:
    with Ledger(tmp_path / "press", ["webhook:1"]) as ledger:
        ledger.decide(record("a"))
        ledger.accept("webhook:1", 1, "status 400")
        assert ledger.num_refused("webhook:1") == 1
        assert ledger.num_pending("webhook:1") == 0


def test_ledger_open_in_another_process_is_a_conflict(tmp_path: Path) -> None:
    with Ledger(tmp_path / "press", []), pytest.raises(Conflict, match="already running"):
        Ledger(tmp_path / "press", [])


def test_ledger_compacted_journal_keeps_state_and_archives_the_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "press"
    with Ledger(folder, ["csv"]) as ledger:
        for part in "abcd":
            ledger.enter(part, 1.0)
            if part != "d":
                ledger.decide(record(part), "file", 0.5)
        ledger.accept("csv", 1)
    size = (folder / "journal.jsonl").stat().st_size
    with Ledger(folder, ["csv"], compact_bytes=10) as ledger:
        assert not ledger.enter("a", 2.0)
        assert ledger.open_parts == {"d": 1.0}
        assert ledger.position("file") == 0.5
        numbered = ledger.decide(record("e"))
        assert numbered is not None
        assert numbered.sequence == 4
        assert drain(ledger, "csv") == ["b", "c", "e"]
    assert (folder / "journal-3.jsonl").stat().st_size == size
    with Ledger(folder, ["csv"]) as ledger:
        assert ledger.num_pending("csv") == 0
        assert ledger.num_decided == 4


def test_ledger_entry_of_another_version_is_corrupt(tmp_path: Path) -> None:
    folder = tmp_path / "press"
    folder.mkdir()
    with closing(Journal(folder / "journal.jsonl")) as journal:
        journal.append({"what": "record", "record": {"part": "a"}})
    with pytest.raises(Corrupt, match="another version"):
        Ledger(folder, [])
    with pytest.raises(Corrupt):  # and not a conflict with a process that is gone
        Ledger(folder, [])
