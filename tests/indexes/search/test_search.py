"""Search: the same as scoring everything, filters before the cut, new items and deletes seen,
spaces never mixed."""

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
from mm.media.types import Span
from mm.schemas import EvidenceKind, Filters
from mm.settings import Settings
from mm.spaces.types import EvidenceQuery, Query, SpaceId
from tests.indexes.conftest import Clock
from tests.indexes.library import DIM, SPACE, add, publish, question

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ALL = Filters()


@pytest.fixture
def searcher(store: Store) -> Searcher:
    """One that looks for what is new when it is told to."""
    return Searcher(store, SPACE, store.settings)


def assert_same(fast: Sequence[SearchHit], slow: Sequence[SearchHit], every: Sequence[SearchHit]) -> None:
    """The same answer as the twin's; of hits with the same score, any of `every` that the twin
    would give for a larger k."""
    np.testing.assert_allclose([hit.score for hit in fast], [hit.score for hit in slow], rtol=1e-9, atol=1e-12)
    assert len({(hit.item_id, hit.start) for hit in fast}) == len(fast)
    spans = {(hit.item_id, hit.start, hit.end): hit for hit in every}
    for hit in fast:
        twin = spans.get((hit.item_id, hit.start, hit.end))
        if twin is None:  # two segments of one moment are equally good
            twin = next(t for t in every if t.item_id == hit.item_id and abs(t.score - hit.score) < 1e-9)
            continue
        assert hit.score == pytest.approx(twin.score, abs=1e-9)
        assert {piece.kind for piece in hit.evidence} == {piece.kind for piece in twin.evidence}
        scores = [piece.score for piece in hit.evidence]
        assert scores == sorted(scores, reverse=True)
        np.testing.assert_allclose(scores, [piece.score for piece in twin.evidence], rtol=1e-6, atol=1e-9)


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
            ids.append(publish(store, seed, rng, segments=1 + seed % 7, kind=kinds[seed % 3], tags=tags).id)
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
def test_search_is_the_same_as_scoring_everything(
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
    asked = replace(question(rng, kinds), negations=question(rng, against).evidence_queries)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(top_k, "INITIAL_DEPTH", first)
        fast = searcher.search(asked, k, filters, floor, likely=likely)
    every = search_brute_force(store, asked, 1000, filters, floor, likely=likely)
    assert_same(fast, every[:k], every)


def test_search_is_the_same_on_both_databases(store: Store, searcher: Searcher) -> None:
    rng = np.random.default_rng(3)
    for seed in range(6):
        publish(store, seed, rng, segments=5)
    searcher.follower.refresh()
    for _ in range(10):
        asked = question(rng)
        every = search_brute_force(store, asked, 100, ALL, 0.3)
        assert_same(searcher.search(asked, 5, ALL, 0.3), every[:5], every)


def test_real_sizes_are_searched_exactly(sqlite_store: Store) -> None:
    """384 dimensions, unit vectors, steep probes: what rounding can do there."""
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
        pictured, said = units(2)
        asked = Query(
            (EvidenceQuery("picture", pictured * 40, -5.0, pictured), EvidenceQuery("speech", said * 25, -4.0, said)), SPACE, 0.5
        )
        fast, slow = searcher.search(asked, 8, ALL, floor), search_brute_force(sqlite_store, asked, 8, ALL, floor)
        assert [(hit.item_id, hit.start) for hit in fast] == [(hit.item_id, hit.start) for hit in slow]
        np.testing.assert_allclose([hit.score for hit in fast], [hit.score for hit in slow], rtol=1e-4)


def one_kind(rng: np.random.Generator) -> Query:
    return question(rng, ["picture"])


def found(searcher: Searcher, **filters: object) -> set[str]:
    """Items found by a question that everything answers."""
    zero = np.zeros(DIM, np.float32)
    asked = Query(tuple(EvidenceQuery(kind, zero, 0.0, zero) for kind in ("picture", "speech", "name")), SPACE, 0.5)
    return {hit.item_id for hit in searcher.search(asked, 1000, Filters.model_validate(filters), 0.0)}


def add_plain(store: Store, seed: int, **changes: object) -> str:
    """An item that has evidence in every segment."""
    item, job = add(store, seed, **changes)
    store.catalog.plan_job(job.id, SPACE, [Span(0.0, 2.0)])
    shard = store.shards.write(SPACE, {"picture": np.full((2, DIM), 0.5, np.float16)}, [seed])
    pieces = [NewEvidence("picture", i, i + 1, None, shard, i) for i in range(2)]
    store.catalog.commit_item(job.id, [NewSegment(i, i + 1, i, [pieces[i]]) for i in range(2)])
    return item.id


def test_new_items_and_deletes_are_seen_after_a_refresh(store: Store, searcher: Searcher) -> None:
    searcher.follower.refresh()
    assert found(searcher) == set()
    first, second = add_plain(store, 1), add_plain(store, 2)
    searcher.follower.refresh()
    assert found(searcher) == {first, second}
    store.catalog.delete_item(first)
    assert found(searcher) == {second}, "the catalog knows already"
    searcher.follower.refresh()
    assert found(searcher) == {second}
    assert add_plain(store, 1) == first, "the same bytes come back"
    searcher.follower.refresh()
    assert found(searcher) == {first, second}


@pytest.mark.parametrize("worn", [index.MAX_DEAD_FRACTION, 2.0])
def test_a_delete_makes_room_for_others_before_the_cut(
    store: Store, searcher: Searcher, monkeypatch: pytest.MonkeyPatch, worn: float
) -> None:
    """A `MAX_DEAD_FRACTION` above 1 leaves the deleted items in the part."""
    monkeypatch.setattr(index, "MAX_DEAD_FRACTION", worn)
    rng = np.random.default_rng(2)
    ids = [publish(store, seed, rng, pieces={"picture": 2}).id for seed in range(8)]
    searcher.follower.refresh()
    asked = one_kind(rng)
    for item_id in ids[:4]:
        best = searcher.search(asked, 3, ALL, 0.0)
        store.catalog.delete_item(best[0].item_id)
        searcher.follower.refresh()
        every = search_brute_force(store, asked, 100, ALL, 0.0)
        assert_same(searcher.search(asked, 3, ALL, 0.0), every[:3], every)
        assert item_id in ids


def test_filters_are_exact(store: Store, searcher: Searcher, clock: Clock) -> None:
    start = datetime.fromtimestamp(clock.now, UTC)
    image = add_plain(store, 1, kind="image", tags=["a", "b"])
    clock.now += 60
    video = add_plain(store, 2, kind="video", tags=["a"])
    searcher.follower.refresh()
    assert found(searcher) == {image, video}
    assert found(searcher, kinds=["image"]) == {image}
    assert found(searcher, tags=["a"]) == {image, video}
    assert found(searcher, tags=["a", "b"]) == {image}
    assert found(searcher, items=[video, "0" * 32]) == {video}
    assert found(searcher, items=["0" * 32]) == set()
    assert found(searcher, uploaded_after=start + timedelta(seconds=30)) == {video}
    assert found(searcher, uploaded_before=start + timedelta(seconds=30), kinds=["video"]) == set()


def test_a_running_searcher_finds_what_is_new_by_itself(store: Store) -> None:
    quick = store.settings.model_copy(update={"refresh_seconds": 0.05})
    with Searcher(store, SPACE, quick) as searcher:
        add_plain(store, 1)
        end = time.monotonic() + 300
        while searcher.follower.snapshot.upto < store.catalog.head() and time.monotonic() < end:
            time.sleep(0.02)
        assert searcher.follower.snapshot.upto == store.catalog.head()
        assert searcher.follower.is_ready


def test_a_question_sees_what_was_committed_before_it(store: Store, searcher: Searcher) -> None:
    searcher.follower.refresh()
    item = add_plain(store, 1)
    assert found(searcher) == {item}


def test_a_writer_that_holds_the_index_up_does_not_hold_up_searches(
    store: Store, searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "BACKGROUND_LOCK_SECONDS", 0.05)
    first = add_plain(store, 1)
    searcher.follower.refresh()
    second = add_plain(store, 2)
    with hold_lock(store.settings.root / "locks" / f"index-{SPACE}.lock", 1.0):
        assert found(searcher) == {first}
    assert found(searcher) == {first, second}


def test_an_index_that_was_never_read_does_not_say_that_nothing_matches(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "READY_SECONDS", 0.05)
    item = add_plain(sqlite_store, 1)
    searcher = Searcher(sqlite_store, SPACE, sqlite_store.settings)
    with pytest.raises(Unavailable, match="still being read"):
        found(searcher)
    searcher.follower.refresh()
    assert found(searcher) == {item}


def test_searches_go_on_while_the_library_changes(sqlite_store: Store) -> None:
    rng = np.random.default_rng(5)
    quick = sqlite_store.settings.model_copy(update={"refresh_seconds": 0.01})
    kept = add_plain(sqlite_store, "kept")  # type: ignore[arg-type]
    with Searcher(sqlite_store, SPACE, quick) as searcher, ThreadPoolExecutor(3) as pool:
        searcher.follower.refresh()

        def change(number: int) -> None:
            for step in range(6):
                item = publish(sqlite_store, f"{number} {step}", rng).id
                if step % 2:
                    sqlite_store.catalog.delete_item(item)

        changes = [pool.submit(change, 1)]
        while not all(done.done() for done in changes):
            assert kept in found(searcher)
        for done in changes:
            done.result()
        searcher.follower.refresh()
        asked = question(rng)
        every = search_brute_force(sqlite_store, asked, 100, ALL, 0.0)
        assert_same(searcher.search(asked, 10, ALL, 0.0), every[:10], every)


def film(store: Store, seed: int, chances: Sequence[float], shots: Sequence[int]) -> None:
    """An item whose segments answer `along_an_axis` with these probabilities, a second each."""
    _, job = add(store, seed)
    store.catalog.plan_job(job.id, SPACE, [Span(0.0, float(len(chances)))])
    vectors = np.zeros((len(chances), DIM), np.float16)
    vectors[:, 0] = np.log(np.asarray(chances) / (1 - np.asarray(chances)))
    shard = store.shards.write(SPACE, {"picture": vectors}, [seed])
    store.catalog.commit_item(
        job.id,
        [NewSegment(i, i + 1, shot, [NewEvidence("picture", i, i + 1, None, shard, i)]) for i, shot in enumerate(shots)],
    )


def along_an_axis() -> Query:
    axis = np.eye(DIM, dtype=np.float32)[0]
    return Query((EvidenceQuery("picture", axis, 0.0, axis),), SPACE, 0.5)


@pytest.mark.parametrize(
    ("chances", "shots", "hits"),
    [
        pytest.param(
            [0.9, 0.6, 0.95, 0.7, 0.1, 0.8],
            [0, 0, 0, 1, 1, 1],
            [(0, 3, 2), (5, 6, 5), (3, 4, 3)],
            id="a shot is one, what is below the floor breaks it, a cut ends it where it answers less",
        ),
        pytest.param([0.9, 0.88, 0.9, 0.92], [0, 1, 2, 3], [(0, 4, 3)], id="short shots of one thing are one"),
        pytest.param([0.7, 0.95, 0.77, 0.77], [0, 1, 2, 3], [(1, 2, 1), (2, 4, 2), (0, 1, 0)], id="the best takes first"),
        pytest.param([0.95, 0.6, 0.9], [0, 1, 1], [(0, 1, 0), (1, 3, 2)], id="behind a cut the nearest segment decides"),
        pytest.param([0.9, 0.6, 0.9], [0, 0, 0], [(0, 3, 0)], id="of two that are as good, the first is the best"),
    ],
)
def test_segments_that_answer_together_are_one_moment(
    store: Store, searcher: Searcher, chances: list[float], shots: list[int], hits: list[tuple[int, int, int]]
) -> None:
    film(store, 1, chances, shots)
    searcher.follower.refresh()
    found = searcher.search(along_an_axis(), 10, ALL, 0.5)
    assert [(hit.start, hit.end, hit.best_start) for hit in found] == hits
    assert [round(hit.score, 2) for hit in found] == [chances[best] for _, _, best in hits]
    assert [(hit.start, hit.end, hit.best_start) for hit in searcher.search(along_an_axis(), 1, ALL, 0.5)] == hits[:1]


@pytest.mark.parametrize(
    ("chances", "shots", "hits"),
    [
        pytest.param(
            [0.9, 0.6, 0.2, 0.2], [0, 0, 0, 0], [(0, 2, 0), (2, 4, 2)], id="a likely hit ends where it gets less likely"
        ),
        pytest.param([0.2, 0.55, 0.2], [0, 0, 0], [(1, 2, 1), (0, 1, 0), (2, 3, 2)], id="on both sides"),
        pytest.param([0.4, 0.45, 0.3], [0, 1, 1], [(0, 3, 1)], id="below, hits are grouped by the same rule"),
        pytest.param([0.05, 0.05], [0, 0], [], id="below both bounds nothing matches"),
    ],
)
def test_search_with_a_lower_floor_leaves_the_likely_hits_as_they_are(
    sqlite_store: Store, chances: list[float], shots: list[int], hits: list[tuple[int, int, int]]
) -> None:
    searcher = Searcher(sqlite_store, SPACE, sqlite_store.settings)
    film(sqlite_store, 1, chances, shots)
    searcher.follower.refresh()
    found = searcher.search(along_an_axis(), 10, ALL, 0.1, likely=0.5)
    assert [(hit.start, hit.end, hit.best_start) for hit in found] == hits
    likely = [hit for hit in found if hit.score >= 0.5]
    assert likely == searcher.search(along_an_axis(), 10, ALL, 0.5)
    assert found[: len(likely)] == likely


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_moments_tile_what_reaches_the_floor(data: st.DataObject) -> None:
    """Each segment that reaches the floor is in one moment, none below it is in any, and none is
    better than the best of its."""
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


def test_segments_between_two_hits_join_them_even_if_nothing_else_looked_at_them(
    store: Store, searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    asked = Query((EvidenceQuery("picture", axis, 0.0, axis),), SPACE, 0.5)
    assert [round(hit.score, 2) for hit in searcher.search(asked, 2, ALL, 0.5)] == [0.95, 0.85]
    assert [round(hit.score, 2) for hit in searcher.search(asked, 3, ALL, 0.6)] == [0.95, 0.9, 0.85]


def test_evidence_adds_up_and_is_told_strongest_first(store: Store, searcher: Searcher) -> None:
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
    asked = Query((EvidenceQuery("picture", axis, 0.0, axis), EvidenceQuery("speech", axis, 0.0, axis)), SPACE, 0.5)
    (hit,) = searcher.search(asked, 5, ALL, 0.0)
    better = 1 / (1 + np.exp(-2.0))
    assert hit.score == pytest.approx(1 - 0.5 * (1 - better))
    assert [(p.kind, p.text, p.start, p.end) for p in hit.evidence] == [
        ("speech", "better", 1.0, 2.0),
        ("picture", None, 0.0, 5.0),
    ]
    assert [p.score for p in hit.evidence] == pytest.approx([better, 0.5])
    only = replace(asked, evidence_queries=asked.evidence_queries[:1])
    assert [len(h.evidence) for h in searcher.search(only, 5, ALL, 0.0)] == [1]


def test_scores_near_one_are_still_told_apart(store: Store, searcher: Searcher) -> None:
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
    asked = Query((EvidenceQuery("picture", axis, 0.0, axis),), SPACE, 0.5)
    assert [hit.start for hit in searcher.search(asked, 3, ALL, 0.5)] == [2.0, 4.0, 0.0]


def test_spaces_are_never_mixed(store: Store, searcher: Searcher) -> None:
    other = SpaceId("lite", 2)
    rng = np.random.default_rng(0)
    publish(store, 1, rng)
    there = publish(store, 2, rng, space=other, pieces={"picture": 2})
    second = Searcher(store, other, store.settings)
    searcher.follower.refresh()
    second.follower.refresh()
    asked = question(rng, ["picture"], other)
    assert {hit.item_id for hit in second.search(asked, 10, ALL, 0.0)} <= {there.id}
    with pytest.raises(SpaceMismatch, match="lite@2, the index of lite@1"):
        searcher.search(asked, 10, ALL, 0.0)


@pytest.mark.parametrize(("k", "floor"), [(0, 0.5), (-1, 0.5), (1, -0.1), (1, 1.1), (1, float("nan"))])
def test_bad_numbers_are_refused(sqlite_store: Store, k: int, floor: float) -> None:
    searcher = Searcher(sqlite_store, SPACE, sqlite_store.settings)
    with pytest.raises(InvalidInput):
        searcher.search(question(np.random.default_rng(0)), k, ALL, floor)


def test_bad_questions_are_refused(sqlite_store: Store) -> None:
    searcher = Searcher(sqlite_store, SPACE, sqlite_store.settings)
    add_plain(sqlite_store, 1)
    searcher.follower.refresh()
    (probe,) = one_kind(np.random.default_rng(0)).evidence_queries
    for bad in (
        (probe, probe),
        (replace(probe, weight=np.full(DIM, np.nan, np.float32)),),
        (replace(probe, bias=float("inf")),),
    ):
        with pytest.raises(InvalidInput):
            searcher.search(Query(bad, SPACE, 0.5), 1, ALL, 0.0)
    with pytest.raises(SpaceMismatch):
        searcher.search(Query((replace(probe, weight=np.zeros(3, np.float32)),), SPACE, 0.5), 1, ALL, 0.0)
    assert searcher.search(Query((), SPACE, 0.5), 1, ALL, 0.0) == []


def test_a_home_has_its_index_below_the_space(sqlite_store: Store) -> None:
    searcher = Searcher(sqlite_store, SPACE, sqlite_store.settings)
    searcher.follower.refresh()
    assert (Path(sqlite_store.settings.root) / "index" / "lite@1" / "manifest.json").exists()
