"""`mm bench crash --library-faults`: it finds losses, and the library has none."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexes import open_store
from indexes.bench.library_faults import FaultPoint, create_other_catalog, read_contents
from indexes.bench.library_harm import FAULTS, Fault, LibraryFixture, mount_read_only
from mm.bench.crash.library_fault_report import FaultOutcome, FaultReport
from mm.errors import Unavailable
from mm.settings import Settings
from tests.api import media
from tests.crash.small_disk import refusal
from tests.indexes.library import publish

ITEMS = 12


@pytest.fixture
def library(tmp_path: Path) -> LibraryFixture:
    """A library of pictures, with a catalog of older and one of another library."""
    home, older, rng = tmp_path / "point" / "home", tmp_path / "older.db", np.random.default_rng(0)
    with open_store(Settings(home=home)) as store:
        for seed in range(ITEMS):
            if seed == ITEMS // 2:
                with closing(sqlite3.connect(home / "catalog.db")) as catalog, closing(sqlite3.connect(older)) as copy:
                    catalog.backup(copy)
            with store.blobs.open_writer() as writer:
                writer.write(media.image(seed))
                sha256, size = writer.commit()
            item = publish(store, seed, rng, sha256=sha256, size=size, name=f"{seed}.png", tags=["a", f"t{seed}"])
            store.descriptions.write(item)
    return LibraryFixture(home, older, create_other_catalog(tmp_path / "other"))


def make_point(fault: Fault, library: LibraryFixture, number: int) -> FaultPoint:
    with open_store(Settings(home=library.home)) as store:
        store.identity.record_revision()
        base = read_contents(store)
    return FaultPoint(fault, number, 0, library, base, start_processes=False)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_library_fault_and_its_repair_lose_no_item(fault: Fault, library: LibraryFixture) -> None:
    if fault.read_only and refusal():
        pytest.skip(f"nothing can be mounted here: {refusal()}")
    number = random.Random(fault.name).randrange(1, 100)
    outcome = make_point(fault, library, number).run()
    assert outcome.violations == []
    assert outcome.refused or fault.can_start


def test_fault_that_loses_a_blob_is_a_violation(library: LibraryFixture) -> None:
    def lose(library: LibraryFixture, rng: random.Random) -> None:
        next(path for path in library.blobs.glob("??/*") if not path.suffix).unlink()

    fault = replace(FAULTS[0], name="blob lost", harm=lose, can_start=True)
    outcome = make_point(fault, library, 0).run()
    assert any("is missing or damaged" in line for line in outcome.violations)


def test_fault_that_loses_a_row_is_a_violation(library: LibraryFixture) -> None:
    def lose(library: LibraryFixture, rng: random.Random) -> None:
        with closing(sqlite3.connect(library.catalog)) as catalog, catalog:
            catalog.execute("DELETE FROM items WHERE name = '3.png'")

    fault = replace(FAULTS[0], name="row lost", harm=lose, repairs=("adopt",), can_start=True)
    point = make_point(fault, library, 0)
    point.outcome.repair = "restore"
    point._restore = lambda catalog: None  # type: ignore[method-assign]
    assert any("3.png is None" in line for line in point.run().violations)


def test_read_only_refuses_writes_within_its_block(tmp_path: Path) -> None:
    if refusal():
        with pytest.raises(Unavailable, match="mount"), mount_read_only(tmp_path):
            pass
        return
    with mount_read_only(tmp_path), pytest.raises(OSError, match="Read-only"):
        (tmp_path / "x").touch()
    (tmp_path / "x").touch()


def test_fault_report_counts_outcomes_and_prints_how_to_repeat_violations() -> None:
    good = FaultOutcome(fault="catalog missing", number=0, running=True, way="rebuild", refused=True, violations=[])
    bad = good.model_copy(update={"number": 3, "violations": ["a is gone."]})
    report = FaultReport(7, [good, bad])
    assert not report.passed
    lines = list(report.lines())
    assert "| catalog missing | 2 | 2 | 2 | rebuild 2 | 1 |" in lines
    assert "again: --library-faults 1 --seed 7 --first 3: catalog missing" in lines
    assert FaultReport(7, [good]).passed
