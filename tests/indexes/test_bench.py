"""One small run of the bench: its rows, and that ours finds what scoring everything finds."""

from __future__ import annotations

from pathlib import Path

from indexes import Store
from indexes.bench import compare, questions
from indexes.synthetic import TAG, fill
from mm.schemas import Filters
from mm.settings import Settings
from mm.spaces import load_space
from tests.graphs import with_graphs


def test_the_bench_prints_a_row_for_each_way_and_ours_is_exact(tmp_path: Path, graphs: Path) -> None:
    space = load_space("lite", Settings(home=with_graphs(tmp_path, graphs)))
    rows = list(compare(space, 300, questions(space, 2), hnsw=300))
    assert len(rows) == 12
    assert all(row.endswith("| 1.000 |") for row in rows if "ours, exact" in row)


def test_a_made_up_library_has_so_many_segments_and_a_tag_to_filter_by(sqlite_store: Store) -> None:
    fill(sqlite_store, load_space("lite", sqlite_store.settings), 200)
    assert sqlite_store.catalog.counts().segments == 200
    assert len(sqlite_store.catalog.select_items(Filters(tags=[TAG])) or ()) == 1
