"""The index benchmark on few segments: its rows, and recall 1 of the exact method."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from indexes import Store
from indexes.bench.__main__ import compare
from indexes.bench.fixtures import encode_queries
from indexes.bench.synthetic import TAG, fill
from mm.cli.commands.bench import command
from mm.schemas import Filters
from mm.settings import Settings
from mm.spaces import load_space
from tests.graphs import with_graphs


def test_compare_yields_row_for_each_method_and_exact_recall_is_one(tmp_path: Path, graphs: Path) -> None:
    space = load_space("lite", Settings(home=with_graphs(tmp_path, graphs)))
    for _ in range(2):  # the second run reads the indexes of the first
        rows = list(compare(space, 300, encode_queries(space, 2), tmp_path / "cache"))
        assert len(rows) == 3 * (6 + 5 + 1 + 4)
        assert all("| 1.000 | 99+ |" in row for row in rows if "ours, exact" in row or "Flat" in row)


def test_bench_search_command_prints_table(
    tmp_path: Path, graphs: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MM_HOME", str(with_graphs(tmp_path, graphs)))
    done = CliRunner().invoke(command, ["search", "--segments", "100", "--questions", "1", "--cache", str(tmp_path / "cache")])
    assert done.exit_code == 0
    rows = capfd.readouterr().out.splitlines()
    assert len(rows) == 2 + 3 * 16
    assert all(row.count("|") == rows[0].count("|") for row in rows)


def test_fill_adds_segments_and_tag(sqlite_store: Store) -> None:
    fill(sqlite_store, load_space("lite", sqlite_store.settings), 200)
    assert sqlite_store.catalog.count_rows().segments == 200
    assert len(sqlite_store.catalog.select_items(Filters(tags=[TAG])) or ()) == 1
