"""`mm bench flood` with few connections for a short time, on a service in this process."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from mm.bench.flood import report as flood
from mm.bench.flood.honest import Times
from mm.keys import KeyFile
from mm.settings import Settings
from tests.api.conftest import run_server
from tests.graphs import with_graphs

if TYPE_CHECKING:
    from pathlib import Path


def test_flood_run_measures_a_regular_client_during_each_attack(
    tmp_path: Path, graphs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flood, "VIDEO_SECONDS", 2.0)
    monkeypatch.setattr(flood, "LEAD_SECONDS", 0.5)
    monkeypatch.setattr(flood, "NUM_ROUNDS", 2)
    home = with_graphs(tmp_path, graphs)
    honest, hostile = (KeyFile(home).add(name, "write")[1] for name in ("honest", "hostile"))
    with run_server(Settings(home=home, keys="on")) as service:
        port = int(service.url.rpartition(":")[2])
        under_test = flood.Service(port, os.getpid(), honest, hostile)
        report = flood.run(under_test, ["searches", "idle heads"], 8, 2.0, lambda line: None)
    assert [result.kind for result in report.rounds] == ["searches", "idle heads"]
    for result in report.rounds:
        assert not result.alone.errors
        assert not result.beside.errors
        assert all(result.beside.seconds.values())
    assert report.rounds[0].responses["200"] > 0
    assert len(report.lines()) == 2 + 2


def test_flood_report_passes_only_without_errors_and_within_the_target() -> None:
    def times(seconds: float, *errors: str) -> Times:
        return Times({step: [seconds] * 10 for step in ("search", "browse", "upload")}, list(errors))

    def report(beside: Times) -> flood.FloodReport:
        return flood.FloodReport(200, [flood.AttackResult("searches", times(0.1), beside, Counter({"429": 1}), 0.1, 0.2)])

    assert report(times(0.3)).passed
    assert not report(times(0.31)).passed
    failed = report(times(0.1, "search: it failed"))
    assert not failed.passed
    assert "searches: search: it failed" in failed.lines()
