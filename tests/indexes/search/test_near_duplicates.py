"""Near-duplicate grouping: equal to brute force, and without loss of moments."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from indexes import Store, open_store
from indexes.catalog.records import NewEvidence, NewSegment
from indexes.search.brute_force import search_brute_force
from indexes.search.searcher import Searcher
from mm.media.types import Span
from mm.schemas import Filters
from mm.settings import Settings
from mm.spaces.types import EvidenceQuery, Query
from tests.indexes.library import DIM, SPACE, add

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mm.schemas import EvidenceKind

ALL = Filters()
MIN_COSINE = 0.95
Vector = np.ndarray


def unit(rng: np.random.Generator) -> Vector:
    vector = rng.standard_normal(DIM)
    return vector / np.linalg.norm(vector)


def near(vector: Vector, rng: np.random.Generator) -> Vector:
    """A vector with a small deviation."""
    return vector + 0.02 * unit(rng)


def put(store: Store, seed: int | str, segments: Sequence[Mapping[EvidenceKind, Vector]], seconds: float = 1.0) -> str:
    """Publish an item; an image has one segment of 0 seconds."""
    item, job = add(store, seed)
    store.catalog.plan_job(job.id, SPACE, [Span(0.0, 10.0)])
    kinds = sorted({kind for segment in segments for kind in segment})
    vectors = {kind: np.array([segment[kind] for segment in segments if kind in segment], np.float16) for kind in kinds}
    shard = store.shards.write(SPACE, vectors, [seed])
    rows = dict.fromkeys(kinds, -1)
    stored = []
    for number, segment in enumerate(segments):
        start, end = number * seconds, (number + 1) * seconds
        pieces = []
        for kind in segment:
            rows[kind] += 1
            pieces.append(NewEvidence(kind, start, end, None, shard, rows[kind]))
        stored.append(NewSegment(start, end, number, pieces))
    assert store.catalog.commit_item(job.id, stored)
    return item.id


def make_query(weights: Mapping[EvidenceKind, Vector], min_cosine: float | None = MIN_COSINE) -> Query:
    evidence_queries = tuple(
        EvidenceQuery(kind, (4 * vector).astype(np.float32), -1.0, vector.astype(np.float32)) for kind, vector in weights.items()
    )
    return Query(evidence_queries, SPACE, 0.5, near_duplicate_cosine=min_cosine)


@pytest.fixture
def searcher(sqlite_store: Store) -> Searcher:
    return Searcher(sqlite_store, SPACE, sqlite_store.settings)


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Searcher]]:
    """Images and videos with seven `picture` and five `speech` contents, many of them repeated."""
    rng = np.random.default_rng(3)
    image_contents, speech_contents = [unit(rng) for _ in range(7)], [unit(rng) for _ in range(5)]
    with open_store(Settings(home=tmp_path_factory.mktemp("copies"))) as store:
        for number in range(10):
            put(store, f"picture {number}", [{"picture": near(image_contents[rng.integers(7)], rng)}], seconds=0.0)
        for number in range(14):
            segments: list[dict[EvidenceKind, Vector]] = []
            for _ in range(rng.integers(1, 5)):
                segment: dict[EvidenceKind, Vector] = {}
                if number % 7 and rng.random() < 0.8:
                    segment["picture"] = near(image_contents[rng.integers(7)], rng)
                if not segment or rng.random() < 0.5:
                    segment["speech"] = near(speech_contents[rng.integers(5)], rng)
                if rng.random() < 0.3:
                    segment["sound"] = near(speech_contents[rng.integers(2)], rng)
                segments.append(segment)
            put(store, f"video {number}", segments)
        searcher = Searcher(store, SPACE, store.settings)
        searcher.follower.refresh()
        yield store, searcher


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 1 << 32),
    kinds=st.sampled_from([("picture",), ("speech",), ("sound",), ("picture", "speech", "sound")]),
    k=st.integers(1, 30),
    floor=st.sampled_from([0.0, 0.3, 0.7]),
    min_cosine=st.sampled_from([0.5, MIN_COSINE, 0.9999]),
)
def test_search_near_duplicates_equals_brute_force(
    copies: tuple[Store, Searcher], seed: int, kinds: tuple[EvidenceKind, ...], k: int, floor: float, min_cosine: float
) -> None:
    store, searcher = copies
    rng = np.random.default_rng(seed)
    query = make_query({kind: unit(rng) for kind in kinds}, min_cosine)
    fast, slow = (search(query, k, ALL, floor, likely=0.6) for search in (searcher.search, partial(search_brute_force, store)))

    def shape(hits: Sequence[object]) -> list[object]:
        return [(hit.item_id, hit.start, hit.end, hit.best_start, shape(hit.near_duplicates)) for hit in hits]  # type: ignore[attr-defined]

    assert shape(fast) == shape(slow)
    np.testing.assert_allclose([hit.score for hit in fast], [hit.score for hit in slow], rtol=1e-5)
    everything = searcher.search(query, 1000, ALL, floor)
    ungrouped = [(member.item_id, member.start) for hit in everything for member in (hit, *hit.near_duplicates)]
    every = [(hit.item_id, hit.start) for hit in searcher.search(query, 1000, ALL, floor, merge_near_duplicates=False)]
    assert sorted(ungrouped) == sorted(every), "grouping loses and duplicates no moment"
    assert all(hit.score >= duplicate.score - 1e-9 for hit in everything for duplicate in hit.near_duplicates)


def search_ids(searcher: Searcher, query: Query, *, merge_near_duplicates: bool = True) -> list[tuple[str, list[str]]]:
    searcher.follower.refresh()
    return [
        (hit.item_id, [duplicate.item_id for duplicate in hit.near_duplicates])
        for hit in searcher.search(query, 10, ALL, 0.0, merge_near_duplicates=merge_near_duplicates)
    ]


def test_search_image_uploaded_three_times_is_one_hit(sqlite_store: Store, searcher: Searcher) -> None:
    image, other = np.eye(DIM)[:2]
    first = put(sqlite_store, 1, [{"picture": image}], 0.0)
    second = put(sqlite_store, 2, [{"picture": image - 0.1 * other}], 0.0)
    third = put(sqlite_store, 3, [{"picture": image - 0.2 * other}], 0.0)
    another = put(sqlite_store, 4, [{"picture": 0.6 * image + 0.8 * other}], 0.0)
    query = make_query({"picture": 0.9 * image + 0.1 * other})
    assert search_ids(searcher, query) == [(first, [second, third]), (another, [])]
    assert search_ids(searcher, query, merge_near_duplicates=False) == [(first, []), (second, []), (third, []), (another, [])]
    assert search_ids(searcher, replace(query, near_duplicate_cosine=None)) == search_ids(
        searcher, query, merge_near_duplicates=False
    ), "the space has no cosine"
    sqlite_store.catalog.delete_item(first)
    assert search_ids(searcher, query)[0] == (second, [third])


def test_search_speech_over_same_slide_stays_two_hits(sqlite_store: Store, searcher: Searcher) -> None:
    slide, speech, other_speech = np.eye(DIM)[:3]
    first = put(sqlite_store, 1, [{"picture": slide, "speech": speech + 0.2 * other_speech}])
    second = put(sqlite_store, 2, [{"picture": slide, "speech": other_speech + 0.1 * speech}])
    copy = put(sqlite_store, 3, [{"picture": slide, "speech": other_speech}])
    assert search_ids(searcher, make_query({"speech": speech + other_speech})) == [(first, []), (second, [copy])]
    ((_, duplicates),) = search_ids(searcher, make_query({"picture": slide}))
    assert len(duplicates) == 2, "a query for the slide merges them"


def test_search_image_and_video_of_it_and_shots_of_one_video_stay_separate_hits(sqlite_store: Store, searcher: Searcher) -> None:
    image, other = np.eye(DIM)[:2]
    put(sqlite_store, 1, [{"picture": image}], 0.0)
    put(sqlite_store, 2, [{"picture": image}, {"picture": other}, {"picture": image}])
    assert [len(duplicates) for _, duplicates in search_ids(searcher, make_query({"picture": image}))][:3] == [0, 0, 0]


def test_search_audio_without_images_is_merged_by_speech(sqlite_store: Store, searcher: Searcher) -> None:
    speech = np.eye(DIM)[0]
    for seed in range(2):
        put(sqlite_store, seed, [{"speech": speech}])
    put(sqlite_store, "with image", [{"speech": speech, "picture": np.eye(DIM)[1]}])
    assert sorted(len(duplicates) for _, duplicates in search_ids(searcher, make_query({"speech": speech}))) == [0, 1]


def test_search_similar_sounds_are_merged_only_with_similar_images(sqlite_store: Store, searcher: Searcher) -> None:
    rain, street, field = np.eye(DIM)[:3]
    for seed in range(2):
        put(sqlite_store, seed, [{"sound": rain}])
    for seed in range(2, 5):
        put(sqlite_store, seed, [{"sound": rain, "picture": street if seed < 4 else field}])
    assert sorted(len(duplicates) for _, duplicates in search_ids(searcher, make_query({"sound": rain}))) == [0, 0, 0, 1]


def test_search_items_with_same_name_only_stay_separate_hits(sqlite_store: Store, searcher: Searcher) -> None:
    for seed in range(2):
        put(sqlite_store, seed, [{"name": np.eye(DIM)[0]}])
    assert [len(duplicates) for _, duplicates in search_ids(searcher, make_query({"name": np.eye(DIM)[0]}))] == [0, 0]
