"""Approximate search: scores, filters and deletes are exact, and recall is high."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from indexes.search import searcher as search
from indexes.search import top_k
from indexes.search.brute_force import search_brute_force
from indexes.search.fusion import strengths_from_logits
from indexes.search.searcher import ERROR_BOUND, Searcher
from indexes.search.top_k import find_top_moments
from indexes.vectors import pq_codes
from indexes.vectors.index import SpaceIndex
from indexes.vectors.kind_index import KindRows
from indexes.vectors.parts import Segments, open_part, write_part
from indexes.vectors.snapshot import Snapshot
from mm.schemas import Filters
from mm.spaces.types import EvidenceQuery
from tests.indexes.library import SPACE, publish, random_query

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from indexes import Store
    from indexes.vectors.parts import WrittenPart

WIDTH, ITEMS, EACH, PARTS = 48, 300, 4, 3
SIZE = ITEMS * EACH
DEAD = np.arange(7, PARTS * ITEMS, 11)
"""Deleted publications; the number of an item is its key and its publication."""

Floats = npt.NDArray[np.float32]


class Library:
    """Parts with codes: items of four segments with `picture`, every other one with `speech`."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(3)
        centres = {kind: rng.standard_normal((25, WIDTH)) for kind in ("picture", "speech")}

        def near(kind: str, count: int) -> Floats:
            vectors = centres[kind][rng.integers(25, size=count)] + 0.6 * rng.standard_normal((count, WIDTH))
            unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            return unit.astype(np.float16).astype(np.float32)

        self.centres = centres
        self.pictures, self.speech = near("picture", PARTS * SIZE), near("speech", PARTS * SIZE // 2)
        opened = []
        for number in range(PARTS):
            written = self.write(folder / f"part-{number}", number)
            opened.append(open_part(folder / f"part-{number}", f"part-{number}", written.files))
        self.snapshot = Snapshot(PARTS * ITEMS, opened, DEAD)

    def write(self, folder: Path, number: int) -> WrittenPart:
        keys = np.arange(number * ITEMS, (number + 1) * ITEMS, dtype=np.int64)
        numbers = np.arange(SIZE, dtype=np.int32)
        table = Segments(keys, keys, numbers // EACH, numbers * 1.0, numbers + 0.5, numbers)
        first = number * SIZE
        pictures = KindRows(np.arange(first, first + SIZE), numbers)
        speech = KindRows(np.arange(first, first + SIZE // 2), numbers[::2].copy())
        return write_part(
            folder,
            table,
            {
                "picture": (pictures, iter([self.pictures[first : first + SIZE]])),
                "speech": (speech, iter([self.speech[first // 2 : (first + SIZE) // 2]])),
            },
        )

    def strength(self, queries: list[EvidenceQuery]) -> npt.NDArray[np.float64]:
        """Strength of each segment, by scoring all."""
        total = np.zeros(PARTS * SIZE)
        for query in queries:
            if query.kind == "picture":
                total += strengths_from_logits(query.logits(self.pictures))
            else:
                total[::2] += strengths_from_logits(query.logits(self.speech))
        return total

    def random_queries(self, seed: int) -> list[EvidenceQuery]:
        rng = np.random.default_rng(seed)
        queries = []
        for kind in ("picture", "speech"):
            direction = self.centres[kind][rng.integers(25)] + rng.standard_normal(WIDTH)
            weight = (12 * direction / np.linalg.norm(direction)).astype(np.float32)
            queries.append(EvidenceQuery(kind, weight, -6.0, weight))  # type: ignore[arg-type]
        return queries


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pq_codes, "MIN_VECTORS", 500)
        patch.setattr(top_k, "INITIAL_DEPTH", 32)
        new_library = Library(tmp_path_factory.mktemp("parts"))
        assert all(index.codes is not None for part in new_library.snapshot.parts for index in part.kinds.values())
        yield new_library


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    k=st.integers(1, 60),
    floor=st.sampled_from([0.0, 0.05, 0.5, 2.0]),
    share=st.sampled_from([0.0, 0.005, 0.1, 0.4, 0.9, 1.0]),
    error_bound=st.sampled_from([None, 0.0, 1.0, ERROR_BOUND]),
)
def test_find_top_moments_approximate_returns_exact_scores_and_filters(
    library: Library, seed: int, k: int, floor: float, share: float, error_bound: float | None
) -> None:
    queries = library.random_queries(seed)
    item_pks = None if share == 1.0 else np.flatnonzero(np.random.default_rng(seed).random(PARTS * ITEMS) < share)
    moments = find_top_moments(library.snapshot, queries, item_pks, k, floor, map, error_bound)
    segment_numbers = [SIZE * library.snapshot.parts.index(moment.part) + moment.segment for moment in moments]
    ground_truth = library.strength(queries)
    allowed = np.setdiff1d(np.arange(PARTS * ITEMS) if item_pks is None else item_pks, DEAD)
    assert len(set(segment_numbers)) == len(segment_numbers) <= k
    assert {number // EACH for number in segment_numbers} <= set(allowed.tolist())
    strengths = [moment.strength for moment in moments]
    assert strengths == sorted(strengths, reverse=True)
    assert all(strength >= floor for strength in strengths)
    np.testing.assert_allclose(strengths, ground_truth[segment_numbers], rtol=1e-4)
    eligible = np.sort(ground_truth[np.isin(np.arange(len(ground_truth)) // EACH, allowed) & (ground_truth >= floor)])[::-1][:k]
    if error_bound is None:
        np.testing.assert_allclose(strengths, eligible, rtol=1e-4)
    else:
        assert all(have <= best * 1.0001 for have, best in zip(strengths, eligible, strict=False))


def test_find_top_moments_approximate_recall_with_and_without_filter(library: Library) -> None:
    for share in (1.0, 0.5):
        hits = []
        for seed in range(60):
            queries = library.random_queries(seed)
            item_pks = np.flatnonzero(np.random.default_rng(seed).random(PARTS * ITEMS) < share)
            fast = find_top_moments(library.snapshot, queries, item_pks, 10, 0.0, map, ERROR_BOUND)
            slow = find_top_moments(library.snapshot, queries, item_pks, 10, 0.0, map, None)
            hits.append(len({(m.part.name, m.segment) for m in fast} & {(m.part.name, m.segment) for m in slow}) / 10)
        assert np.mean(hits) >= 0.98


def test_upper_bounds_are_exceeded_less_often_with_larger_error_bound(library: Library) -> None:
    index = library.snapshot.parts[0].kinds["picture"]
    exceeded: dict[float, list[float]] = {0.0: [], 1.0: [], ERROR_BOUND: []}
    for error_bound, shares in exceeded.items():
        for seed in range(40):
            weight = library.random_queries(seed)[0].weight
            ground_truth = library.pictures[:SIZE] @ weight
            top = index.search(weight, 100, None, error_bound)
            assert len(top.rows) == 100
            others = np.setdiff1d(np.arange(SIZE), top.rows)
            shares.append(
                float(np.mean(np.append(ground_truth[top.rows] > top.upper_bounds, ground_truth[others].max() > top.rest_bound)))
            )
    at_0, at_1, at_4 = (float(np.mean(shares)) for shares in exceeded.values())
    assert 0.6 > at_0 > at_1 > at_4
    assert at_4 < 0.002


def test_write_part_is_deterministic(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pq_codes, "MIN_VECTORS", 500)
    assert library.write(tmp_path / "one", 0) == library.write(tmp_path / "other", 0)


@pytest.mark.parametrize("method", ["auto", "exact", "approximate"])
def test_searcher_uses_method_of_setting(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """All methods return the same hits of a small library; the error bound shows which one ran."""
    monkeypatch.setattr(pq_codes, "MIN_VECTORS", 16)
    monkeypatch.setattr(search, "EXACT_LIMIT", 10)
    error_bounds: list[float | None] = []

    def recorded(*arguments: object) -> object:
        error_bounds.append(arguments[6])  # type: ignore[arg-type]
        return find_top_moments(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(search, "find_top_moments", recorded)
    rng = np.random.default_rng(1)
    ids = [publish(sqlite_store, seed, rng, segments=20).id for seed in range(6)]
    searcher = Searcher(sqlite_store, SPACE, sqlite_store.settings.model_copy(update={"search": method}))
    searcher.follower.refresh()
    sqlite_store.catalog.delete_item(ids[2])
    query = random_query(rng)
    scores = [hit.score for hit in searcher.search(query, 5, Filters(), 0.0)]
    assert scores == pytest.approx([hit.score for hit in search_brute_force(sqlite_store, query, 5, Filters(), 0.0)])
    assert error_bounds == [None if method == "exact" else ERROR_BOUND]
    monkeypatch.setattr(search, "EXACT_LIMIT", 1000)
    searcher.search(query, 5, Filters(), 0.0)
    assert error_bounds[1] == (ERROR_BOUND if method == "approximate" else None)


def test_refresh_rebuilds_damaged_codes(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pq_codes, "MIN_VECTORS", 16)
    rng = np.random.default_rng(1)
    for seed in range(4):
        publish(sqlite_store, seed, rng, segments=20)
    Searcher(sqlite_store, SPACE, sqlite_store.settings).follower.refresh()
    (path,) = SpaceIndex(sqlite_store, SPACE).folder.glob("part-*/picture.codes")
    path.write_bytes(path.read_bytes()[:-1])
    searcher = Searcher(sqlite_store, SPACE, sqlite_store.settings)
    searcher.follower.refresh()
    query = random_query(rng)
    scores = [hit.score for hit in searcher.search(query, 5, Filters(), 0.0)]
    assert scores == pytest.approx([hit.score for hit in search_brute_force(sqlite_store, query, 5, Filters(), 0.0)])
