"""Segments: committed in one transaction, and published to searchers in the order of commits."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from indexes import Store
from indexes.catalog.records import BrowseFilters, NewEvidence, NewSegment, SpokenLanguage
from mm.errors import InvalidInput
from mm.media.types import Span
from mm.schemas import Filters
from mm.spaces.types import SpaceId
from tests.indexes.conftest import Clock
from tests.indexes.library import SPACE, add, add_planned_job, publish

SHARD = "ab" * 32
SEGMENTS = [
    NewSegment(
        0.0, 1.0, 0, [NewEvidence("picture", 0.0, 1.0, None, SHARD, 0), NewEvidence("speech", 0.2, 0.9, "hé\U0001f600", SHARD, 0)]
    ),
    NewSegment(1.0, 2.5, 1, []),
]


def test_commit_item_publishes_item_and_ends_job(store: Store) -> None:
    job, _ = add_planned_job(store, 1)
    assert store.catalog.commit_item(job.id, SEGMENTS)
    item, ended = store.catalog.get_item_of_job(job.id), store.catalog.get_job(job.id)
    assert item is not None
    assert ended is not None
    assert (item.status, ended.state, ended.progress) == ("ready", "done", 1.0)
    changes = store.catalog.get_changes_after(0, SPACE, 10)
    assert [(p.seq, p.num_evidence) for p in changes.publications] == [(changes.head, 2)]
    rows = store.catalog.list_evidence([changes.publications[0].item_pk], SPACE)
    assert [(r.segment_index, r.segment_start, r.segment_end, r.shot, r.kind, r.shard_id, r.row) for r in rows] == [
        (0, 0.0, 1.0, 0, "picture", SHARD, 0),
        (0, 0.0, 1.0, 0, "speech", SHARD, 0),
    ]
    evidence = store.catalog.get_evidence([rows[1].pk, 10**9])
    assert list(evidence) == [rows[1].pk]
    piece = evidence[rows[1].pk]
    assert (piece.item_id, piece.kind, piece.start, piece.end, piece.text) == (item.id, "speech", 0.2, 0.9, "hé\U0001f600")


def test_commit_item_twice_changes_nothing(store: Store) -> None:
    job, _ = add_planned_job(store, 1)
    assert store.catalog.commit_item(job.id, SEGMENTS)
    before = store.catalog.get_changes_after(0, SPACE, 10)
    assert not store.catalog.commit_item(job.id, SEGMENTS[1:])
    assert store.catalog.get_changes_after(0, SPACE, 10) == before
    assert store.catalog.count_rows().segments == 2


def test_commit_item_that_fails_leaves_no_rows(store: Store) -> None:
    job, _ = add_planned_job(store, 1)
    broken = replace(SEGMENTS[0], evidence=[replace(SEGMENTS[0].evidence[0], text="\ud800")])
    with pytest.raises(InvalidInput):
        store.catalog.commit_item(job.id, [SEGMENTS[1], broken])
    item = store.catalog.get_item_of_job(job.id)
    assert item is not None
    assert (item.status, store.catalog.count_rows().segments, store.catalog.get_head()) == ("processing", 0, 0)
    assert store.catalog.commit_item(job.id, SEGMENTS)


def test_commit_item_without_plan_returns_false(store: Store) -> None:
    _, job = add(store, 1)
    assert not store.catalog.commit_item(job.id, SEGMENTS)
    assert not store.catalog.commit_item("job_nosuch", SEGMENTS)


def test_changes_after_returns_only_the_space(store: Store) -> None:
    other = SpaceId("lite", 2)
    publish(store, 1, np.random.default_rng(0))
    publish(store, 2, np.random.default_rng(0), space=other)
    (first,) = store.catalog.get_changes_after(0, SPACE, 10).publications
    (second,) = store.catalog.get_changes_after(0, other, 10).publications
    assert first.item_pk != second.item_pk
    assert store.catalog.list_evidence([first.item_pk, second.item_pk], SPACE) == store.catalog.list_evidence(
        [first.item_pk], SPACE
    )
    assert store.catalog.filter_published_items([first.item_pk, second.item_pk], other) == {second.item_pk}


def test_changes_after_returns_publications_and_tombstones(store: Store) -> None:
    rng = np.random.default_rng(0)
    first, second = publish(store, 1, rng), publish(store, 2, rng)
    changes = store.catalog.get_changes_after(0, SPACE, 1)
    assert (len(changes.publications), changes.tombstones) == (1, [])
    assert changes.head == store.catalog.get_head() > changes.publications[0].seq
    known = changes.head
    seqs = [p.seq for p in store.catalog.get_changes_after(0, SPACE, 10).publications]
    store.catalog.delete_item(first.id)
    publish(store, 1, rng)
    changes = store.catalog.get_changes_after(known, SPACE, 10)
    assert (len(changes.publications), list(changes.tombstones)) == (1, [seqs[0]])
    assert changes.publications[0].seq > changes.head - 2
    store.catalog.delete_item(second.id)
    everything = store.catalog.get_changes_after(0, SPACE, 10)
    assert [p.seq for p in everything.publications] == [p.seq for p in changes.publications]
    assert set(everything.tombstones) == set(seqs)


def test_sequence_numbers_follow_order_of_commits(store: Store) -> None:
    """Reading the changes after each head, during concurrent writes, misses no publication."""
    jobs = [add_planned_job(store, seed)[0] for seed in range(24)]
    item_pks: list[int] = []
    writing = threading.Event()

    def read() -> None:
        known = 0
        while True:
            last = writing.is_set()
            changes = store.catalog.get_changes_after(known, SPACE, 1000)
            item_pks.extend(p.item_pk for p in changes.publications)
            assert all(p.seq <= changes.head for p in changes.publications)
            known = changes.head
            if last:
                return

    with ThreadPoolExecutor(7) as pool:
        reader = pool.submit(read)
        for done in [pool.submit(store.catalog.commit_item, job.id, SEGMENTS) for job in jobs]:
            assert done.result()
        writing.set()
        reader.result()
    assert len(item_pks) == len(set(item_pks)) == len(jobs)


def test_select_items_applies_filters(store: Store, clock: Clock) -> None:
    start = datetime.fromtimestamp(clock.now, UTC)
    a, _ = add(store, "a", kind="image", tags=["x", "y"])
    clock.now += 60
    b, _ = add(store, "b", kind="video", tags=["x"])

    def selected(**filters: object) -> set[str] | None:
        keys = store.catalog.select_items(Filters.model_validate(filters))
        return None if keys is None else {"ab"[key - 1] for key in keys}

    assert selected() is None
    assert selected(kinds=["image", "audio"]) == {"a"}
    assert selected(items=[a.id, b.id, "0" * 32, "\0", "x"]) == {"a", "b"}
    assert selected(items=["nonsense"]) == set()
    assert selected(tags=["x"]) == {"a", "b"}
    assert selected(tags=["x", "y", "x"]) == {"a"}
    assert selected(tags=["x", "none"]) == set()
    assert selected(uploaded_after=start) == {"a", "b"}
    assert selected(uploaded_before=start) == set()
    assert selected(uploaded_after=start + timedelta(microseconds=1)) == {"b"}
    assert selected(uploaded_before=(start + timedelta(seconds=30)).astimezone(timezone(timedelta(hours=9)))) == {"a"}
    assert selected(uploaded_after=start.replace(tzinfo=None), tags=["y"]) == {"a"}, "a time without a zone is UTC"
    assert selected(uploaded_after=datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))) == {"a", "b"}
    assert selected(uploaded_before=datetime.max.replace(tzinfo=timezone(timedelta(hours=-14)))) == {"a", "b"}
    assert selected(uploaded_after=datetime.max.replace(tzinfo=timezone(timedelta(hours=-14)))) == set()
    assert selected(items=[a.id] * 3000 + [f"{n:032x}" for n in range(3000)], kinds=["image"]) == {"a"}
    with pytest.raises(InvalidInput, match="tags"):
        selected(tags=[str(n) for n in range(2000)])


def test_find_unreferenced_returns_files_without_row(store: Store) -> None:
    job, (chunk,) = add_planned_job(store, 1)
    store.catalog.lease_chunk(chunk.pk, "w", 60)
    store.catalog.finish_chunk(chunk.pk, "w", "cd" * 32)
    store.catalog.commit_item(job.id, SEGMENTS)
    assert store.catalog.find_unreferenced_shards([SHARD, "cd" * 32, "ef" * 32]) == {"ef" * 32}
    item = store.catalog.get_item_of_job(job.id)
    assert item is not None
    assert store.catalog.find_unreferenced_blobs([item.sha256, "ef" * 32]) == {"ef" * 32}
    store.catalog.delete_item(item.id)
    assert store.catalog.find_unreferenced_shards([SHARD, "cd" * 32]) == {SHARD, "cd" * 32}


def test_commit_item_uses_space_of_plan(store: Store) -> None:
    _, job = add(store, 1)
    other = SpaceId("large", 3)
    store.catalog.plan_job(job.id, other, [Span(0.0, 0.0)])
    store.catalog.commit_item(job.id, SEGMENTS)
    assert store.catalog.get_changes_after(0, SPACE, 10).publications == []
    assert len(store.catalog.get_changes_after(0, other, 10).publications) == 1


def spoken(start: float, end: float, language: str, *, identified: bool = True) -> NewSegment:
    piece = NewEvidence("speech", start, end, "words", SHARD, 0, language, is_identified=identified)
    return NewSegment(start, end, 0, [piece])


def test_languages_of_an_item_are_stored_with_their_lengths_and_replaced(store: Store) -> None:
    job, _ = add_planned_job(store, 1)
    assert store.catalog.commit_item(job.id, [spoken(0, 2, "fr"), spoken(2, 9, "de"), spoken(9, 12, "de", identified=False)])
    item = store.catalog.get_item_of_job(job.id)
    assert item is not None
    assert item.languages == (SpokenLanguage("de", 10.0, False), SpokenLanguage("fr", 2.0, True))
    (publication,) = store.catalog.get_changes_after(0, SPACE, 10).publications
    pk = publication.item_pk
    rows = store.catalog.list_evidence([pk], SPACE)
    assert [row.language for row in rows] == ["fr", "de", "de"]
    assert [piece.language for segment in store.catalog.list_segments(item.id, SPACE, -1, 9) for piece in segment.evidence] == [
        "fr", "de", "de",
    ]  # fmt: skip


def test_filter_of_language_selects_items_in_which_it_is_spoken(store: Store) -> None:
    pks: list[int] = []
    for number, segments in enumerate([[spoken(0, 2, "fr"), spoken(2, 9, "de")], [spoken(0, 2, "en", identified=False)], []]):
        job, _ = add_planned_job(store, number)
        assert store.catalog.commit_item(job.id, segments)
        pks.append(store.catalog.get_changes_after(0, SPACE, 10).publications[-1].item_pk)
    for code, expected in (("fr", {pks[0]}), ("DE", {pks[0]}), ("en", {pks[1]}), ("ja", set())):
        assert store.catalog.select_items(Filters(language=code)) == expected
        found, total = store.catalog.browse_items(BrowseFilters(language=code), "newest", 0, 10)
        assert (len(found), total) == (len(expected), len(expected))
