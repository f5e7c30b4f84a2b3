"""The log of marks beside an inspector."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mm.errors import Corrupt, NotFound
from mm.inspection.fit import fit_inspector
from mm.inspection.marks.store import FILE, MarkStore
from mm.inspection.marks.types import Mark
from mm.inspection.store import FOLDER, InspectorStore
from tests.inspection.parts import CellBackbone, render_good_images
from tests.inspection.test_fit import SETTINGS

FIRST, SECOND = Mark("a.png", "accept", inspected="fail"), Mark("b.png", "reject", kind="scratch")


@pytest.fixture
def store(tmp_path: Path) -> MarkStore:
    InspectorStore(tmp_path).add(fit_inspector(render_good_images(1), "disc", CellBackbone(), SETTINGS))
    return MarkStore(tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / FOLDER / "disc" / FILE


def test_add_of_a_repeated_mark_stores_one(store: MarkStore, file: Path) -> None:
    first = store.add("disc", FIRST)
    assert store.add("disc", replace(FIRST, author="ann")) == first
    store.add("disc", SECOND)
    assert [mark.mark_id for mark in store.list_marks("disc")] == [FIRST.mark_id, SECOND.mark_id]
    assert len(file.read_text().splitlines()) == 2
    assert store.list_marks("disc")[0].at != ""


def test_undo_adds_a_record_and_deletes_none(store: MarkStore, file: Path) -> None:
    first = store.add("disc", FIRST)
    before = file.read_bytes()
    assert store.undo("disc", first, "ann").mark_id == first
    assert file.read_bytes().startswith(before)
    assert store.list_marks("disc") == []
    assert [record.action for record in store.read_history("disc")] == ["add", "undo"]
    with pytest.raises(NotFound, match="no mark"):
        store.undo("disc", first)
    store.add("disc", FIRST)
    assert [mark.mark_id for mark in store.list_marks("disc")] == [first]


def test_mark_store_without_the_inspector_raises_not_found(tmp_path: Path) -> None:
    for call in (lambda: MarkStore(tmp_path).add("disc", FIRST), lambda: MarkStore(tmp_path).list_marks("disc")):
        with pytest.raises(NotFound, match="no inspector disc"):
            call()


def test_interrupted_record_is_ignored_and_replaced(store: MarkStore, file: Path) -> None:
    store.add("disc", FIRST)
    whole = file.read_bytes()
    file.write_bytes(whole + whole[: len(whole) // 2])
    assert [mark.mark_id for mark in store.list_marks("disc")] == [FIRST.mark_id]
    store.add("disc", SECOND)
    assert [mark.mark_id for mark in store.list_marks("disc")] == [FIRST.mark_id, SECOND.mark_id]
    assert file.read_bytes().startswith(whole)


def test_damaged_record_raises_corrupt_with_its_line(store: MarkStore, file: Path) -> None:
    store.add("disc", FIRST)
    file.write_bytes(b'{"action": "add", "mark": {}}\n' + file.read_bytes())
    with pytest.raises(Corrupt, match="Line 1"):
        store.list_marks("disc")
