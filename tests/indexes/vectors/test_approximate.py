"""Approximate search: what it says of a hit is true, filters and deletes are exact, and little is
missed."""

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
from tests.indexes.library import SPACE, publish, question

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from indexes import Store
    from indexes.vectors.parts import WrittenPart

WIDTH, ITEMS, EACH, PARTS = 48, 300, 4, 3
SIZE = ITEMS * EACH
DEAD = np.arange(7, PARTS * ITEMS, 11)
"""Publications that are no more; the number of an item is its key and its publication."""

Floats = npt.NDArray[np.float32]


class Library:
    """Items of four segments, each a shot of its own, with pictures and, every other time, speech;
    in parts with codes."""

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

    def strength(self, probes: list[EvidenceQuery]) -> npt.NDArray[np.float64]:
        """Of each segment, by scoring everything."""
        total = np.zeros(PARTS * SIZE)
        for probe in probes:
            if probe.kind == "picture":
                total += strengths_from_logits(probe.logits(self.pictures))
            else:
                total[::2] += strengths_from_logits(probe.logits(self.speech))
        return total

    def ask(self, seed: int) -> list[EvidenceQuery]:
        rng = np.random.default_rng(seed)
        probes = []
        for kind in ("picture", "speech"):
            look = self.centres[kind][rng.integers(25)] + rng.standard_normal(WIDTH)
            weight = (12 * look / np.linalg.norm(look)).astype(np.float32)
            probes.append(EvidenceQuery(kind, weight, -6.0, weight))  # type: ignore[arg-type]
        return probes


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pq_codes, "MIN_VECTORS", 500)
        patch.setattr(top_k, "INITIAL_DEPTH", 32)
        made = Library(tmp_path_factory.mktemp("parts"))
        assert all(index.codes is not None for part in made.snapshot.parts for index in part.kinds.values())
        yield made


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    k=st.integers(1, 60),
    floor=st.sampled_from([0.0, 0.05, 0.5, 2.0]),
    share=st.sampled_from([0.0, 0.005, 0.1, 0.4, 0.9, 1.0]),
    error_bound=st.sampled_from([None, 0.0, 1.0, ERROR_BOUND]),
)
def test_what_is_said_of_a_moment_is_true_and_filters_and_deletes_are_exact(
    library: Library, seed: int, k: int, floor: float, share: float, error_bound: float | None
) -> None:
    probes = library.ask(seed)
    chosen = None if share == 1.0 else np.flatnonzero(np.random.default_rng(seed).random(PARTS * ITEMS) < share)
    moments = find_top_moments(library.snapshot, probes, chosen, k, floor, map, error_bound)
    found = [SIZE * library.snapshot.parts.index(moment.part) + moment.segment for moment in moments]
    truth = library.strength(probes)
    allowed = np.setdiff1d(np.arange(PARTS * ITEMS) if chosen is None else chosen, DEAD)
    assert len(set(found)) == len(found) <= k
    assert {number // EACH for number in found} <= set(allowed.tolist())
    said = [moment.strength for moment in moments]
    assert said == sorted(said, reverse=True)
    assert all(strength >= floor for strength in said)
    np.testing.assert_allclose(said, truth[found], rtol=1e-4)
    eligible = np.sort(truth[np.isin(np.arange(len(truth)) // EACH, allowed) & (truth >= floor)])[::-1][:k]
    if error_bound is None:
        np.testing.assert_allclose(said, eligible, rtol=1e-4)
    else:
        assert all(have <= best * 1.0001 for have, best in zip(said, eligible, strict=False))


def test_little_is_missed_with_or_without_a_filter(library: Library) -> None:
    for share in (1.0, 0.5):
        hits = []
        for seed in range(60):
            probes = library.ask(seed)
            chosen = np.flatnonzero(np.random.default_rng(seed).random(PARTS * ITEMS) < share)
            fast = find_top_moments(library.snapshot, probes, chosen, 10, 0.0, map, ERROR_BOUND)
            slow = find_top_moments(library.snapshot, probes, chosen, 10, 0.0, map, None)
            hits.append(len({(m.part.name, m.segment) for m in fast} & {(m.part.name, m.segment) for m in slow}) / 10)
        assert np.mean(hits) >= 0.98


def test_what_a_row_cannot_exceed_is_the_more_seldom_exceeded_the_more_error_is_allowed(library: Library) -> None:
    index = library.snapshot.parts[0].kinds["picture"]
    exceeded: dict[float, list[float]] = {0.0: [], 1.0: [], ERROR_BOUND: []}
    for error_bound, shares in exceeded.items():
        for seed in range(40):
            weight = library.ask(seed)[0].weight
            truth = library.pictures[:SIZE] @ weight
            top = index.search(weight, 100, None, error_bound)
            assert len(top.rows) == 100
            others = np.setdiff1d(np.arange(SIZE), top.rows)
            shares.append(float(np.mean(np.append(truth[top.rows] > top.upper_bounds, truth[others].max() > top.rest_bound))))
    none, one, most = (float(np.mean(shares)) for shares in exceeded.values())
    assert 0.6 > none > one > most
    assert most < 0.002


def test_the_same_vectors_give_the_same_files(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pq_codes, "MIN_VECTORS", 500)
    assert library.write(tmp_path / "one", 0) == library.write(tmp_path / "other", 0)


@pytest.mark.parametrize("way", ["auto", "exact", "approximate"])
def test_a_searcher_takes_the_way_that_is_set(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """The same answer from a library as small as this, whichever it is; the way is seen at what is
    asked of the parts."""
    monkeypatch.setattr(pq_codes, "MIN_VECTORS", 16)
    monkeypatch.setattr(search, "EXACT_LIMIT", 10)
    seen: list[float | None] = []

    def watched(*arguments: object) -> object:
        seen.append(arguments[6])  # type: ignore[arg-type]
        return find_top_moments(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(search, "find_top_moments", watched)
    rng = np.random.default_rng(1)
    ids = [publish(sqlite_store, seed, rng, segments=20).id for seed in range(6)]
    searcher = Searcher(sqlite_store, SPACE, sqlite_store.settings.model_copy(update={"search": way}))
    searcher.follower.refresh()
    sqlite_store.catalog.delete_item(ids[2])
    asked = question(rng)
    found = [hit.score for hit in searcher.search(asked, 5, Filters(), 0.0)]
    assert found == pytest.approx([hit.score for hit in search_brute_force(sqlite_store, asked, 5, Filters(), 0.0)])
    assert seen == [None if way == "exact" else ERROR_BOUND]
    monkeypatch.setattr(search, "EXACT_LIMIT", 1000)
    searcher.search(asked, 5, Filters(), 0.0)
    assert seen[1] == (ERROR_BOUND if way == "approximate" else None)


def test_damaged_codes_are_built_again(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pq_codes, "MIN_VECTORS", 16)
    rng = np.random.default_rng(1)
    for seed in range(4):
        publish(sqlite_store, seed, rng, segments=20)
    Searcher(sqlite_store, SPACE, sqlite_store.settings).follower.refresh()
    (path,) = SpaceIndex(sqlite_store, SPACE).folder.glob("part-*/picture.codes")
    path.write_bytes(path.read_bytes()[:-1])
    searcher = Searcher(sqlite_store, SPACE, sqlite_store.settings)
    searcher.follower.refresh()
    asked = question(rng)
    found = [hit.score for hit in searcher.search(asked, 5, Filters(), 0.0)]
    assert found == pytest.approx([hit.score for hit in search_brute_force(sqlite_store, asked, 5, Filters(), 0.0)])
