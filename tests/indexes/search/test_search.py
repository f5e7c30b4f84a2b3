"""Search: equal to brute force, filters before the top k, refreshes, grouping, spaces."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from indexes import Store, open_store
from indexes.catalog.records import NewEvidence, NewSegment
from indexes.search import follower, top_k
from indexes.search import searcher as search
from indexes.search.brute_force import search_brute_force
from indexes.search.grouping import group_segments
from indexes.search.hits import SearchHit
from indexes.search.searcher import Searcher
from indexes.storage.files import hold_lock
from indexes.vectors import index
from indexes.vectors.parts import Part, Segments
from mm.errors import InvalidInput, SpaceMismatch, Unavailable
from mm.media.types import Capture, Span
from mm.schemas import EvidenceKind, Filters
from mm.settings import Settings
from mm.spaces.types import EvidenceQuery, Query, SpaceId
from tests.indexes.conftest import Clock
from tests.indexes.library import DIM, SPACE, add, publish, random_query

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ALL = Filters()


@pytest.fixture
def searcher(store: Store) -> Searcher:
    """A searcher without background threads."""
    return Searcher(store, SPACE, store.settings)


def assert_same(fast: Sequence[SearchHit], slow: Sequence[SearchHit], every: Sequence[SearchHit]) -> None:
    """Assert equal results; hits with equal scores may be any of `every`."""
    np.testing.assert_allclose([hit.score for hit in fast], [hit.score for hit in slow], rtol=1e-9, atol=1e-12)
    assert len({(hit.item_id, hit.start) for hit in fast}) == len(fast)
    spans = {(hit.item_id, hit.start, hit.end): hit for hit in every}
    for hit in fast:
        expected = spans.get((hit.item_id, hit.start, hit.end))
        if expected is None:  # two segments of one moment have equal scores
            expected = next(t for t in every if t.item_id == hit.item_id and abs(t.score - hit.score) < 1e-9)
            continue
        assert hit.score == pytest.approx(expected.score, abs=1e-9)
        assert {piece.kind for piece in hit.evidence} == {piece.kind for piece in expected.evidence}
        scores = [piece.score for piece in hit.evidence]
        assert scores == sorted(scores, reverse=True)
        np.testing.assert_allclose(scores, [piece.score for piece in expected.evidence], rtol=1e-6, atol=1e-9)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Searcher, Clock]]:
    """Thirty items in several parts, some deleted, some merged."""
    clock = Clock()
    rng = np.random.default_rng(7)
    with open_store(Settings(home=tmp_path_factory.mktemp("library")), clock) as store, pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "SMALL_EVIDENCE", 40)
        searcher = Searcher(store, SPACE, store.settings)
        kinds = ("image", "video", "audio")
        ids = []
        for seed in range(30):
            clock.now += 60
            tags = [tag for tag, every in (("even", 2), ("third", 3)) if seed % every == 0]
            taken = datetime(2024, 5, seed + 1, tzinfo=UTC if seed % 2 else None)
            captures = (None, Capture(taken, "Canon", "EOS"), Capture(taken, latitude=1.5, longitude=2.5), Capture())
            more = {"kind": kinds[seed % 3], "tags": tags, "capture": captures[seed % 4]}
            ids.append(publish(store, seed, rng, segments=1 + seed % 7, **more).id)
            if seed % 4 == 0:
                searcher.follower.refresh()
        for number in (0, 5, 17, 29):
            store.catalog.delete_item(ids[number])
        searcher.follower.refresh()
        assert len(searcher.follower.snapshot.parts) > 1
        yield store, searcher, clock


FILTERS = st.builds(
    Filters,
    kinds=st.lists(st.sampled_from(["image", "video", "audio"]), max_size=2),
    tags=st.lists(st.sampled_from(["even", "third"]), max_size=2),
    uploaded_after=st.none() | st.integers(0, 2000).map(lambda s: datetime.fromtimestamp(1_700_000_000 + s, UTC)),
    uploaded_before=st.none() | st.integers(0, 2000).map(lambda s: datetime.fromtimestamp(1_700_000_000 + s, UTC)),
    taken_after=st.none() | st.integers(1, 30).map(lambda day: datetime(2024, 5, day)),
    taken_before=st.none() | st.integers(1, 30).map(lambda day: datetime(2024, 5, day)),
    camera=st.sampled_from([None, "", "canon", "a"]),
    has_place=st.sampled_from([None, True, False]),
)


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 1 << 32),
    kinds=st.sets(st.sampled_from(["picture", "speech", "sound", "name"])).map(sorted),
    against=st.lists(st.sampled_from(["picture", "speech", "sound", "name"]), max_size=3),
    k=st.integers(1, 40),
    floor=st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]),
    likely=st.sampled_from([None, 0.3, 0.6, 0.95]),
    filters=st.just(ALL) | FILTERS,
    first=st.sampled_from([1, 2, 8, 256]),
)
def test_search_equals_brute_force(
    library: tuple[Store, Searcher, Clock],
    seed: int,
    kinds: list[EvidenceKind],
    against: list[EvidenceKind],
    k: int,
    floor: float,
    likely: float | None,
    filters: Filters,
    first: int,
) -> None:
    store, searcher, _ = library
    rng = np.random.default_rng(seed)
    query = replace(random_query(rng, kinds), negations=random_query(rng, against).evidence_queries)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(top_k, "INITIAL_DEPTH", first)
        fast = searcher.search(query, k, filters, floor, likely=likely)
    every = search_brute_force(store, query, 1000, filters, floor, likely=likely)
    assert_same(fast, every[:k], every)


def test_search_equals_brute_force_on_both_databases(store: Store, searcher: Searcher) -> None:
    rng = np.random.default_rng(3)
    for seed in range(6):
        publish(store, seed, rng, segments=5)
    searcher.follower.refresh()
    for _ in range(10):
        query = random_query(rng)
        every = search_brute_force(store, query, 100, ALL, 0.3)
        assert_same(searcher.search(query, 5, ALL, 0.3), every[:5], every)


def test_search_of_384_dimensions_equals_brute_force(sqlite_store: Store) -> None:
    """Rounding with 384 dimensions, unit vectors and large weights."""
    rng = np.random.default_rng(11)
    dim, count = 384, 300

    def units(n: int) -> np.ndarray:
        vectors = rng.standard_normal((n, dim)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    for seed in range(3):
        _, job = add(sqlite_store, seed)
        sqlite_store.catalog.plan_job(job.id, SPACE, [Span(0.0, 1.0)])
        shard = sqlite_store.shards.write(SPACE, {kind: units(count).astype(np.float16) for kind in ("picture", "speech")}, [])
        sqlite_store.catalog.commit_item(
            job.id,
            [
                NewSegment(i, i + 1, i // 4, [NewEvidence(kind, i, i + 1, None, shard, i) for kind in ("picture", "speech")])
                for i in range(count)
            ],
        )
    searcher = Searcher(sqlite_store, SPACE, sqlite_store.settings)
    searcher.follower.refresh()
    for floor in (0.0, 0.05):
        picture, speech = units(2)
        query = Query(
            (EvidenceQuery("picture", picture * 40, -5.0, picture), EvidenceQuery("speech", speech * 25, -4.0, speech)),
            SPACE,
            0.5,
        )
        fast, slow = searcher.search(query, 8, ALL, floor), search_brute_force(sqlite_store, query, 8, ALL, floor)
        assert [(hit.item_id, hit.start) for hit in fast] == [(hit.item_id, hit.start) for hit in slow]
        np.testing.assert_allclose([hit.score for hit in fast], [hit.score for hit in slow], rtol=1e-4)


def picture_query(rng: np.random.Generator) -> Query:
    return random_query(rng, ["picture"])


def find_item_ids(searcher: Searcher, **filters: object) -> set[str]:
    """Ids of the items that a query with equal scores for all returns."""
    zero = np.zeros(DIM, np.float32)
    query = Query(tuple(EvidenceQuery(kind, zero, 0.0, zero) for kind in ("picture", "speech", "name")), SPACE, 0.5)
    return {hit.item_id for hit in searcher.search(query, 1000, Filters.model_validate(filters), 0.0)}


def add_plain(store: Store, seed: int, **changes: object) -> str:
    """An item that has evidence in every segment."""
    item, job = add(store, seed, **changes)
    store.catalog.plan_job(job.id, SPACE, [Span(0.0, 2.0)])
    shard = store.shards.write(SPACE, {"picture": np.full((2, DIM), 0.5, np.float16)}, [seed])
    pieces = [NewEvidence("picture", i, i + 1, None, shard, i) for i in range(2)]
    store.catalog.commit_item(job.id, [NewSegment(i, i + 1, i, [pieces[i]]) for i in range(2)])
    return item.id


def test_refresh_applies_new_and_deleted_items(store: Store, searcher: Searcher) -> None:
    searcher.follower.refresh()
    assert find_item_ids(searcher) == set()
    first, second = add_plain(store, 1), add_plain(store, 2)
    searcher.follower.refresh()
    assert find_item_ids(searcher) == {first, second}
    store.catalog.delete_item(first)
    assert find_item_ids(searcher) == {second}, "the catalog has deleted it"
    searcher.follower.refresh()
    assert find_item_ids(searcher) == {second}
    assert add_plain(store, 1) == first, "the same bytes are added again"
    searcher.follower.refresh()
    assert find_item_ids(searcher) == {first, second}


@pytest.mark.parametrize("max_dead_fraction", [index.MAX_DEAD_FRACTION, 2.0])
def test_search_after_delete_still_returns_k_hits(
    store: Store, searcher: Searcher, monkeypatch: pytest.MonkeyPatch, max_dead_fraction: float
) -> None:
    """A `MAX_DEAD_FRACTION` above 1 leaves the deleted items in the part."""
    monkeypatch.setattr(index, "MAX_DEAD_FRACTION", max_dead_fraction)
    rng = np.random.default_rng(2)
    ids = [publish(store, seed, rng, pieces={"picture": 2}).id for seed in range(8)]
    searcher.follower.refresh()
    query = picture_query(rng)
    for item_id in ids[:4]:
        best = searcher.search(query, 3, ALL, 0.0)
        store.catalog.delete_item(best[0].item_id)
        searcher.follower.refresh()
        every = search_brute_force(store, query, 100, ALL, 0.0)
        assert_same(searcher.search(query, 3, ALL, 0.0), every[:3], every)
        assert item_id in ids


def test_search_filters_select_exact_items(store: Store, searcher: Searcher, clock: Clock) -> None:
    start = datetime.fromtimestamp(clock.now, UTC)
    image = add_plain(store, 1, kind="image", tags=["a", "b"])
    clock.now += 60
    video = add_plain(store, 2, kind="video", tags=["a"])
    searcher.follower.refresh()
    assert find_item_ids(searcher) == {image, video}
    assert find_item_ids(searcher, kinds=["image"]) == {image}
    assert find_item_ids(searcher, tags=["a"]) == {image, video}
    assert find_item_ids(searcher, tags=["a", "b"]) == {image}
    assert find_item_ids(searcher, items=[video, "0" * 32]) == {video}
    assert find_item_ids(searcher, items=["0" * 32]) == set()
    assert find_item_ids(searcher, uploaded_after=start + timedelta(seconds=30)) == {video}
    assert find_item_ids(searcher, uploaded_before=start + timedelta(seconds=30), kinds=["video"]) == set()


def test_index_follower_refreshes_in_background(store: Store) -> None:
    quick = store.settings.model_copy(update={"refresh_seconds": 0.05})
    with Searcher(store, SPACE, quick) as searcher:
        add_plain(store, 1)
        end = time.monotonic() + 300
        while searcher.follower.snapshot.upto < store.catalog.get_head() and time.monotonic() < end:
            time.sleep(0.02)
        assert searcher.follower.snapshot.upto == store.catalog.get_head()
        assert searcher.follower.is_ready


def test_search_finds_item_committed_before_it(store: Store, searcher: Searcher) -> None:
    searcher.follower.refresh()
    item = add_plain(store, 1)
    assert find_item_ids(searcher) == {item}


def test_search_while_index_is_locked_uses_old_snapshot(
    store: Store, searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "BACKGROUND_LOCK_SECONDS", 0.05)
    first = add_plain(store, 1)
    searcher.follower.refresh()
    second = add_plain(store, 2)
    with hold_lock(store.settings.root / "locks" / f"index-{SPACE}.lock", 1.0):
        assert find_item_ids(searcher) == {first}
    assert find_item_ids(searcher) == {first, second}


def test_search_before_first_refresh_raises_unavailable(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "READY_SECONDS", 0.05)
    item = add_plain(sqlite_store, 1)
    searcher = Searcher(sqlite_store, SPACE, sqlite_store.settings)
    with pytest.raises(Unavailable, match="still being read"):
        find_item_ids(searcher)
    searcher.follower.refresh()
    assert find_item_ids(searcher) == {item}


def test_search_during_concurrent_changes_finds_stable_item(sqlite_store: Store) -> None:
    rng = np.random.default_rng(5)
    quick = sqlite_store.settings.model_copy(update={"refresh_seconds": 0.01})
    stable = add_plain(sqlite_store, "kept")  # type: ignore[arg-type]
    with Searcher(sqlite_store, SPACE, quick) as searcher, ThreadPoolExecutor(3) as pool:
        searcher.follower.refresh()

        def change(number: int) -> None:
            for step in range(6):
                item = publish(sqlite_store, f"{number} {step}", rng).id
                if step % 2:
                    sqlite_store.catalog.delete_item(item)

        changes = [pool.submit(change, 1)]
        while not all(done.done() for done in changes):
            assert stable in find_item_ids(searcher)
        for done in changes:
            done.result()
        searcher.follower.refresh()
        query = random_query(rng)
        every = search_brute_force(sqlite_store, query, 100, ALL, 0.0)
        assert_same(searcher.search(query, 10, ALL, 0.0), every[:10], every)


def publish_video(store: Store, seed: int, probabilities: Sequence[float], shots: Sequence[int]) -> None:
    """Publish an item whose segments of 1 s match `along_an_axis` with these probabilities."""
    _, job = add(store, seed)
    store.catalog.plan_job(job.id, SPACE, [Span(0.0, float(len(probabilities)))])
    vectors = np.zeros((len(probabilities), DIM), np.float16)
    vectors[:, 0] = np.log(np.asarray(probabilities) / (1 - np.asarray(probabilities)))
    shard = store.shards.write(SPACE, {"picture": vectors}, [seed])
    store.catalog.commit_item(
        job.id,
        [NewSegment(i, i + 1, shot, [NewEvidence("picture", i, i + 1, None, shard, i)]) for i, shot in enumerate(shots)],
    )


def along_an_axis() -> Query:
    axis = np.eye(DIM, dtype=np.float32)[0]
    return Query((EvidenceQuery("picture", axis, 0.0, axis),), SPACE, 0.5)


@pytest.mark.parametrize(
    ("probabilities", "shots", "expected"),
    [
        pytest.param(
            [0.9, 0.6, 0.95, 0.7, 0.1, 0.8],
            [0, 0, 0, 1, 1, 1],
            [(0, 3, 2), (5, 6, 5), (3, 4, 3)],
            id="within a shot down to the floor, across a cut from 0.7 of the strength",
        ),
        pytest.param([0.9, 0.88, 0.9, 0.92], [0, 1, 2, 3], [(0, 4, 3)], id="strong shots are grouped"),
        pytest.param(
            [0.7, 0.95, 0.77, 0.77], [0, 1, 2, 3], [(1, 2, 1), (2, 4, 2), (0, 1, 0)], id="the strongest segment is grouped first"
        ),
        pytest.param([0.95, 0.6, 0.9], [0, 1, 1], [(0, 1, 0), (1, 3, 2)], id="the segment after the cut decides"),
        pytest.param([0.9, 0.6, 0.9], [0, 0, 0], [(0, 3, 0)], id="of equal segments the first is the best"),
    ],
)
def test_search_groups_adjacent_matching_segments(
    store: Store, searcher: Searcher, probabilities: list[float], shots: list[int], expected: list[tuple[int, int, int]]
) -> None:
    publish_video(store, 1, probabilities, shots)
    searcher.follower.refresh()
    hits = searcher.search(along_an_axis(), 10, ALL, 0.5)
    assert [(hit.start, hit.end, hit.best_start) for hit in hits] == expected
    assert [round(hit.score, 2) for hit in hits] == [probabilities[best] for _, _, best in expected]
    assert [(hit.start, hit.end, hit.best_start) for hit in searcher.search(along_an_axis(), 1, ALL, 0.5)] == expected[:1]


@pytest.mark.parametrize(
    ("probabilities", "shots", "expected"),
    [
        pytest.param([0.9, 0.6, 0.2, 0.2], [0, 0, 0, 0], [(0, 2, 0), (2, 4, 2)], id="a likely hit excludes less likely segments"),
        pytest.param([0.2, 0.55, 0.2], [0, 0, 0], [(1, 2, 1), (0, 1, 0), (2, 3, 2)], id="before and after"),
        pytest.param([0.4, 0.45, 0.3], [0, 1, 1], [(0, 3, 1)], id="below, hits are grouped by the same rule"),
        pytest.param([0.05, 0.05], [0, 0], [], id="below both bounds no hit"),
    ],
)
def test_search_with_lower_floor_keeps_likely_hits_unchanged(
    sqlite_store: Store, probabilities: list[float], shots: list[int], expected: list[tuple[int, int, int]]
) -> None:
    searcher = Searcher(sqlite_store, SPACE, sqlite_store.settings)
    publish_video(sqlite_store, 1, probabilities, shots)
    searcher.follower.refresh()
    hits = searcher.search(along_an_axis(), 10, ALL, 0.1, likely=0.5)
    assert [(hit.start, hit.end, hit.best_start) for hit in hits] == expected
    likely = [hit for hit in hits if hit.score >= 0.5]
    assert likely == searcher.search(along_an_axis(), 10, ALL, 0.5)
    assert hits[: len(likely)] == likely


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_group_segments_partitions_segments_above_floor(data: st.DataObject) -> None:
    """Each segment above the floor is in one moment, others are in none; the best is strongest."""
    count = data.draw(st.integers(1, 25))
    strength = np.array([data.draw(st.integers(0, 12)) / 4 for _ in range(count)])
    shot = np.cumsum([data.draw(st.integers(0, 1)) for _ in range(count)])
    item = np.sort([data.draw(st.integers(0, 2)) for _ in range(count)])
    known = np.flatnonzero([data.draw(st.integers(0, 4)) for _ in range(count)])
    floor = data.draw(st.sampled_from([0.0, 0.5, 1.5]))
    at = np.arange(count)
    part = Part(
        "part", Segments(np.arange(3), np.arange(3), item.astype(np.int32), at * 1.0, at + 1.0, shot.astype(np.int32)), {}
    )
    likely = data.draw(st.sampled_from([0.25, 1.0, np.inf]))
    moments = group_segments(part, known, strength[known], count, floor, likely)
    inside = [list(range(moment.first, moment.last + 1)) for moment in moments]
    assert sorted(number for own in inside for number in own) == [number for number in known if strength[number] >= floor]
    assert [moment.strength for moment in moments] == sorted((moment.strength for moment in moments), reverse=True)
    for moment, own in zip(moments, inside, strict=True):
        assert moment.strength == strength[moment.segment] == max(strength[own])
        assert len(set(item[own])) == 1
        assert moment.strength < likely or min(strength[own]) >= likely
    assert group_segments(part, known, strength[known], 2, floor, likely) == moments[:2]
    above = max(floor, likely)
    assert [moment for moment in moments if moment.strength >= above] == group_segments(
        part, known, strength[known], count, above
    )


def test_search_scores_segments_between_two_candidates(store: Store, searcher: Searcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(top_k, "INITIAL_DEPTH", 1)
    for seed, probabilities in enumerate([(0.95, 0.55, 0.9), (0.85,), (0.8,), (0.7,)]):
        count = len(probabilities)
        vectors = np.zeros((count, DIM), np.float16)
        vectors[:, 0] = [np.log(p / (1 - p)) for p in probabilities]
        shard = store.shards.write(SPACE, {"picture": vectors}, [])
        _, job = add(store, seed)
        store.catalog.plan_job(job.id, SPACE, [Span(0.0, float(count))])
        store.catalog.commit_item(
            job.id, [NewSegment(i, i + 1, 0, [NewEvidence("picture", i, i + 1, None, shard, i)]) for i in range(count)]
        )
    searcher.follower.refresh()
    axis = np.eye(DIM, dtype=np.float32)[0]
    query = Query((EvidenceQuery("picture", axis, 0.0, axis),), SPACE, 0.5)
    assert [round(hit.score, 2) for hit in searcher.search(query, 2, ALL, 0.5)] == [0.95, 0.85]
    assert [round(hit.score, 2) for hit in searcher.search(query, 3, ALL, 0.6)] == [0.95, 0.9, 0.85]


def test_search_fuses_evidence_and_lists_strongest_first(store: Store, searcher: Searcher) -> None:
    _, job = add(store, 1)
    store.catalog.plan_job(job.id, SPACE, [Span(0.0, 5.0)])
    picture, speech = np.zeros((1, DIM), np.float16), np.zeros((2, DIM), np.float16)
    speech[1, 1] = 2.0
    shard = store.shards.write(SPACE, {"picture": picture, "speech": speech}, [])
    pieces = [
        NewEvidence("picture", 0.0, 5.0, None, shard, 0),
        NewEvidence("speech", 0.5, 1.0, "worse", shard, 0),
        NewEvidence("speech", 1.0, 2.0, "better", shard, 1),
    ]
    store.catalog.commit_item(job.id, [NewSegment(0.0, 5.0, 0, pieces)])
    searcher.follower.refresh()
    axis = np.eye(DIM, dtype=np.float32)[1]
    query = Query((EvidenceQuery("picture", axis, 0.0, axis), EvidenceQuery("speech", axis, 0.0, axis)), SPACE, 0.5)
    (hit,) = searcher.search(query, 5, ALL, 0.0)
    better = 1 / (1 + np.exp(-2.0))
    assert hit.score == pytest.approx(1 - 0.5 * (1 - better))
    assert [(p.kind, p.text, p.start, p.end) for p in hit.evidence] == [
        ("speech", "better", 1.0, 2.0),
        ("picture", None, 0.0, 5.0),
    ]
    assert [p.score for p in hit.evidence] == pytest.approx([better, 0.5])
    only = replace(query, evidence_queries=query.evidence_queries[:1])
    assert [len(h.evidence) for h in searcher.search(only, 5, ALL, 0.0)] == [1]


def test_search_orders_hits_whose_scores_round_to_one(store: Store, searcher: Searcher) -> None:
    _, job = add(store, 1)
    store.catalog.plan_job(job.id, SPACE, [Span(0.0, 5.0)])
    vectors = np.zeros((3, DIM), np.float16)
    vectors[:, 0] = [60.0, 62.0, 61.0]
    shard = store.shards.write(SPACE, {"picture": vectors}, [])
    store.catalog.commit_item(
        job.id, [NewSegment(2 * i, 2 * i + 1, i, [NewEvidence("picture", i, i + 1, None, shard, i)]) for i in range(3)]
    )
    searcher.follower.refresh()
    axis = np.eye(DIM, dtype=np.float32)[0]
    query = Query((EvidenceQuery("picture", axis, 0.0, axis),), SPACE, 0.5)
    assert [hit.start for hit in searcher.search(query, 3, ALL, 0.5)] == [2.0, 4.0, 0.0]


def test_search_with_query_of_other_space_raises_space_mismatch(store: Store, searcher: Searcher) -> None:
    other = SpaceId("lite", 2)
    rng = np.random.default_rng(0)
    publish(store, 1, rng)
    there = publish(store, 2, rng, space=other, pieces={"picture": 2})
    second = Searcher(store, other, store.settings)
    searcher.follower.refresh()
    second.follower.refresh()
    query = random_query(rng, ["picture"], other)
    assert {hit.item_id for hit in second.search(query, 10, ALL, 0.0)} <= {there.id}
    with pytest.raises(SpaceMismatch, match="lite@2, the index in lite@1"):
        searcher.search(query, 10, ALL, 0.0)


@pytest.mark.parametrize(("k", "floor"), [(0, 0.5), (-1, 0.5), (1, -0.1), (1, 1.1), (1, float("nan"))])
def test_search_with_invalid_k_or_floor_raises_invalid_input(sqlite_store: Store, k: int, floor: float) -> None:
    searcher = Searcher(sqlite_store, SPACE, sqlite_store.settings)
    with pytest.raises(InvalidInput):
        searcher.search(random_query(np.random.default_rng(0)), k, ALL, floor)


def test_search_with_invalid_query_raises(sqlite_store: Store) -> None:
    searcher = Searcher(sqlite_store, SPACE, sqlite_store.settings)
    add_plain(sqlite_store, 1)
    searcher.follower.refresh()
    (evidence_query,) = picture_query(np.random.default_rng(0)).evidence_queries
    for bad in (
        (evidence_query, evidence_query),
        (replace(evidence_query, weight=np.full(DIM, np.nan, np.float32)),),
        (replace(evidence_query, bias=float("inf")),),
    ):
        with pytest.raises(InvalidInput):
            searcher.search(Query(bad, SPACE, 0.5), 1, ALL, 0.0)
    with pytest.raises(SpaceMismatch):
        searcher.search(Query((replace(evidence_query, weight=np.zeros(3, np.float32)),), SPACE, 0.5), 1, ALL, 0.0)
    assert searcher.search(Query((), SPACE, 0.5), 1, ALL, 0.0) == []


def test_refresh_writes_manifest_below_space_folder(sqlite_store: Store) -> None:
    searcher = Searcher(sqlite_store, SPACE, sqlite_store.settings)
    searcher.follower.refresh()
    assert (Path(sqlite_store.settings.root) / "index" / "lite@1" / "manifest.json").exists()


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_sample_logits_are_those_of_rows_of_the_library(store: Store, searcher: Searcher, size: int) -> None:
    rng = np.random.default_rng(0)
    for seed in range(5):
        publish(store, seed, rng, pieces={"picture": 3})
    searcher.follower.catch_up()
    query = random_query(rng, ["picture"]).evidence_queries[0]
    parts = [part.kinds["picture"] for part in searcher.follower.snapshot.parts]
    every = np.concatenate([query.logits(index.decode(np.arange(len(index)))) for index in parts])
    count, sample = searcher.sample_logits(query, size)
    assert count == len(every)
    assert set(sample) <= set(every.astype(np.float64))
    if size > count:
        np.testing.assert_array_equal(sample, every.astype(np.float64))
    assert searcher.sample_logits(random_query(rng, ["sound"]).evidence_queries[0], size)[1].shape == (0,)
