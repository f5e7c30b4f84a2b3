"""The store of inspectors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mm.errors import Conflict, Corrupt, InvalidInput, NotFound
from mm.inspection import store as module
from mm.inspection.features.backbone import Backbone
from mm.inspection.fit import fit_inspector
from mm.inspection.inspector import FittedInspector
from mm.inspection.inspector_file import write_inspector
from mm.inspection.store import InspectorStore, StoredInspector, load_inspector
from tests.inspection.parts import CellBackbone, render_good_images
from tests.inspection.test_fit import SETTINGS


@pytest.fixture(scope="module")
def inspector() -> FittedInspector:
    return fit_inspector(render_good_images(2), "disc", CellBackbone(), replace(SETTINGS, bank_size=20))


def load_cells(name: str) -> Backbone:
    return CellBackbone()


def test_store_add_numbers_versions_and_uses_the_newest(inspector: FittedInspector, tmp_path: Path) -> None:
    store = InspectorStore(tmp_path)
    assert [store.add(inspector).version for _ in range(3)] == [1, 2, 3]
    assert store.get("disc") == StoredInspector("disc", (1, 2, 3), 3)
    assert store.load("disc", load_cells).version == 3
    assert store.load("disc", load_cells, 2).version == 2


def test_store_make_current_puts_an_earlier_version_back(inspector: FittedInspector, tmp_path: Path) -> None:
    store = InspectorStore(tmp_path)
    store.add(inspector)
    store.add(inspector)
    store.make_current("disc", 1)
    assert store.load("disc", load_cells).version == 1
    assert store.add(inspector, make_current=False).version == 3
    assert store.get("disc").current == 1
    with pytest.raises(NotFound, match="version 9"):
        store.make_current("disc", 9)


def test_store_load_unknown_inspectors_are_not_found(inspector: FittedInspector, tmp_path: Path) -> None:
    store = InspectorStore(tmp_path)
    with pytest.raises(NotFound, match="mm inspect list"):
        store.load("disc", load_cells)
    store.add(inspector)
    with pytest.raises(NotFound, match="versions are: 1"):
        store.load("disc", load_cells, 2)


@pytest.mark.parametrize("name", ["", "../disc", ".hidden", "a/b", "x" * 65])
def test_store_add_names_that_are_no_file_names_are_refused(inspector: FittedInspector, tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="letters"):
        InspectorStore(tmp_path).add(replace(inspector, name=name))
    assert not list(tmp_path.iterdir())


def test_store_remove_deletes_every_version(inspector: FittedInspector, tmp_path: Path) -> None:
    store = InspectorStore(tmp_path)
    store.add(inspector)
    store.add(replace(inspector, name="other"))
    store.remove("disc")
    assert [stored.name for stored in store.list_all()] == ["other"]
    with pytest.raises(NotFound):
        store.remove("disc")


def test_store_add_concurrent_version_is_a_conflict(
    inspector: FittedInspector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = InspectorStore(tmp_path)
    store.add(inspector)

    def write_and_lose(numbered: FittedInspector, path: Path) -> None:
        write_inspector(numbered, path)
        write_inspector(numbered, path.with_name("2.inspector"))

    monkeypatch.setattr(module, "write_inspector", write_and_lose)
    with pytest.raises(Conflict):
        store.add(inspector)
    assert sorted(path.name for path in (tmp_path / "inspectors/disc").iterdir()) == ["1.inspector", "2.inspector", "current"]


def test_store_get_damaged_mark_is_corrupt(inspector: FittedInspector, tmp_path: Path) -> None:
    store = InspectorStore(tmp_path)
    store.add(inspector)
    (tmp_path / "inspectors/disc/current").write_text("newest")
    with pytest.raises(Corrupt, match="current"):
        store.get("disc")
    (tmp_path / "inspectors/disc/current").unlink()
    assert store.get("disc").current == 1


def test_load_inspector_takes_a_name_or_a_file(inspector: FittedInspector, tmp_path: Path) -> None:
    InspectorStore(tmp_path).add(inspector)
    file = tmp_path / "copy.inspector"
    write_inspector(replace(inspector, version=7), file)
    assert load_inspector("disc", tmp_path, load_cells).version == 1
    assert load_inspector(str(file), tmp_path, load_cells).version == 7
    for absent in ("none", str(tmp_path / "absent.inspector")):
        with pytest.raises(NotFound):
            load_inspector(absent, tmp_path, load_cells)
