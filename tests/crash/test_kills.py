"""Kills at seeded times, ten with SQLite and five with PostgreSQL; `mm bench crash` makes 300."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from mm.bench.crash.nemesis import Victim
from mm.bench.crash.run import CrashRun
from mm.bench.crash.service import CatalogKind, service_under_test
from tests.graphs import with_graphs

CHUNKS = 3


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("catalog", "victims", "points"),
    [
        pytest.param("sqlite", ["decoder", "child", "worker", "broker", "API"], 10, id="sqlite"),
        pytest.param("postgresql", ["postgresql", "worker"], 5, id="postgresql"),
    ],
)
def test_crash_run_has_no_violations(catalog: CatalogKind, victims: Sequence[Victim], points: int, graphs: Path) -> None:
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mm-crash-") as folder:
        home = with_graphs(Path(folder) / "home", graphs)
        with service_under_test(home, catalog, on_progress=lines.append) as (system, inventory):
            system.victims = victims
            run = CrashRun(system, inventory, seed=0, chunks=CHUNKS)
            run.prepare()
            run.run_points(0, points, lines.append)
            report = run.finish()
    assert report.passed, "\n".join([*lines, *report.lines()])
    assert sum(outcome.killed for outcome in report.outcomes) >= points - 2, "most victims run at the time of the kill"
