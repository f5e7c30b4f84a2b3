"""Inspectors, marks, inspections, scales, lines and analyses of a library whose catalog is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from indexes import open_store
from indexes.recover.__main__ import adopt, rebuild
from mm.inspection.fit import fit_inspector
from mm.inspection.marks.observed import read_marks
from mm.inspection.marks.store import MarkStore
from mm.inspection.marks.types import Mark
from mm.inspection.store import InspectorStore
from mm.lesions.folders import LesionFolders
from mm.line.records.history import PartHistory
from mm.line.records.ledger import Ledger
from mm.line.store import LineStore
from mm.metrology.scale import scale_of_length
from mm.metrology.store import ScaleStore
from mm.schemas import LineRequest, LineSource
from mm.settings import Settings
from tests.indexes.recover.test_recover import fill, quiet
from tests.inspection.parts import CellBackbone, render_good_images
from tests.inspection.test_fit import SETTINGS
from tests.line.parts import record


@pytest.fixture
def filled(tmp_path: Path) -> Settings:
    """A library with one of each, and an analysis with results beside one without."""
    settings = Settings(home=tmp_path / "home")
    fill(settings)
    home = settings.root
    InspectorStore(home).add(fit_inspector(render_good_images(2), "disc", CellBackbone(), replace(SETTINGS, bank_size=20)))
    MarkStore(home).add("disc", Mark("a", "accept", inspected="fail", version=1))
    ScaleStore(home).add("camera", scale_of_length(10.0, (0.0, 0.0), (100.0, 0.0)))
    LineStore(home).create(LineRequest(name="press", inspector="disc", source=LineSource(folder="in")), "/in")
    with Ledger(home / "lines" / "press", ["csv"]) as ledger:
        ledger.decide(record("part-1"))
    folders = LesionFolders(home)
    with open_store(settings) as store:
        for has_results in (True, False):
            key = folders.create()
            folders.source(key).write_bytes(b"DICOM")
            if has_results:
                with folders.stage(key):
                    pass
            store.catalog.add_lesion_job(key, "a.dcm", None, 1.0)
        with store.database.begin_write() as connection:
            connection.execute(text("UPDATE items SET kind = 'image'"))  # the rows of `fill` are of videos
        item = store.catalog.list_jobs(10)[0].item_id
        assert item is not None
        store.catalog.add_inspector("disc", "patches", {})
        store.catalog.add_examples("disc", [(item, None)], 10)
        run = {"scale": None, "scale_name": None, "region": None, "rate": 0.25, "fps": 1.0}
        store.catalog.add_run("disc", 1, run, [item], span_seconds=120.0)
        store.heat_maps.write(b"png")
        store.identity.record_revision()
    return settings


def check_files(settings: Settings) -> None:
    """Assert what needs no catalog."""
    home = settings.root
    assert InspectorStore(home).get("disc").versions == (1,)
    assert [mark.version for mark in read_marks(home, "disc")] == [1]
    assert ScaleStore(home).load("camera").mm_per_px == 0.1
    assert LineStore(home).list_names() == ["press"]
    assert PartHistory(LineStore(home).folder("press")).num_parts == 1


def test_rebuild_keeps_files_and_loses_examples_inspections_and_analyses(filled: Settings) -> None:
    (filled.root / "catalog.db").unlink()
    result = rebuild(filled, quiet)
    check_files(filled)
    assert LesionFolders(filled.root).count() == 2
    with open_store(filled) as store:
        assert (store.catalog.list_inspectors(), store.catalog.list_lesion_jobs(None, 10)) == ([], [])
        assert store.catalog.list_examples("disc", 0, 10) == []
        assert store.catalog.list_runs(None, 10)[0] == []
        store.sweep(0.0)
        assert LesionFolders(filled.root).count() == 1, "results are kept, a file without them moves to the trash"
        assert len(list((filled.root / "lesions" / "trash").glob("*/*/source.dcm"))) == 1
        assert len(list((filled.root / "heat" / "trash").glob("*/*.png"))) == 1
        store.catalog.add_inspector("disc", "patches", {})  # as the first new example does
    check_files(filled)
    assert result.model_dump()["items"] == 3


@pytest.mark.parametrize("recover", [adopt, rebuild])
def test_recovery_with_an_intact_catalog_keeps_rows_and_files(filled: Settings, recover: Callable[..., object]) -> None:
    with open_store(filled) as store, store.database.begin_write() as connection:
        connection.execute(text("UPDATE library SET revision = 0"))
    recover(filled, quiet)
    with open_store(filled) as store:
        store.sweep(3600.0)
        assert [row.name for row in store.catalog.list_inspectors()] == ["disc"]
        assert len(store.catalog.list_examples("disc", 0, 10)) == 1
        assert len(store.catalog.list_runs(None, 10)[0]) == 1
        assert len(store.catalog.list_lesion_jobs(None, 10)) == 2
    check_files(filled)
    assert LesionFolders(filled.root).count() == 2
