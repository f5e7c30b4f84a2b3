"""Captions: due with the item, leased, added later in batches, replaced by a new model, deleted."""

from __future__ import annotations

import numpy as np
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from indexes import Store
from indexes.catalog import migrate
from indexes.catalog.catalog import Catalog
from indexes.catalog.database import Database
from indexes.catalog.records import LeasedCaptions, NamedSpace, NewCaption, NewEvidence, NewSegment
from indexes.search.searcher import Searcher
from mm.media.types import Span
from mm.schemas import Filters, Kind
from mm.settings import Settings
from mm.spaces.types import EvidenceQuery, Query, SpaceId
from tests.indexes.conftest import Clock
from tests.indexes.library import DIM, SPACE, add

ATTEMPTS = 2
AXIS = np.eye(DIM, dtype=np.float32)
MODEL, LATER_MODEL = "captions-1", "captions-2"
SCENES = [(0.0, 2.0), (0.0, 2.0), (2.0, 3.0)]
"""Scenes of the segments of an item: the first scene has two."""
ROWS = (
    "INSERT INTO items "
    "(pk, id, sha256, name, kind, content_type, size, duration, width, height, fps, has_audio, status, created_at) "
    "VALUES (:pk, :id, :id, 'a', :kind, 'a/b', 1, 1, 1, 1, 1, :no, 'ready', '2026-01-01 00:00:00')",
    "INSERT INTO published (item_pk, space, seq, evidence) VALUES (:pk, 'lite@1', :pk, 1)",
)


@pytest.fixture
def store(store: Store) -> Store:
    store.catalog.set_caption_model(MODEL)
    return store


def add_item(
    store: Store, seed: int, scenes: list[tuple[float, float]] = SCENES, space: SpaceId = SPACE, kind: Kind = "video"
) -> str:
    """Add a searchable item of one segment per value. Returns its id."""
    item, job = add(store, seed, kind=kind)
    store.catalog.plan_job(job.id, space, [Span(0.0, float(len(scenes)))])
    evidence = "speech" if kind == "audio" else "picture"
    shard = store.shards.write(space, {evidence: np.tile(AXIS[0], (len(scenes), 1)).astype(np.float16)}, [seed])
    segments = [
        NewSegment(i, i + 1, 0, [NewEvidence(evidence, i, i + 1, None, shard, i)], scene) for i, scene in enumerate(scenes)
    ]
    assert store.catalog.commit_item(job.id, segments)
    return item.id


def lease(store: Store, owner: str = "me", space: SpaceId = SPACE, *, reuse_only: bool = False) -> LeasedCaptions:
    (leased,) = store.catalog.lease_captions(space, owner, 60, ATTEMPTS, reuse_only=reuse_only)
    return leased


def write_captions(
    store: Store, leased: LeasedCaptions, words: list[str], model: str = MODEL, confidence: float = 0.75, least: float = 0.0
) -> list[NewCaption]:
    """Captions of the first scenes of a leased item."""
    shard = store.shards.write(leased.space, {"caption": AXIS[1:2].astype(np.float16)}, [words])
    return [
        NewCaption(
            scene.start,
            scene.end,
            scene.frame_time,
            caption,
            model,
            confidence,
            scene.segments,
            NewEvidence("caption", scene.start, scene.end, caption, shard, 0) if confidence >= least else None,
        )
        for scene, caption in zip(leased.scenes, words, strict=False)
    ]


def caption_all(store: Store, words: list[str], model: str = MODEL) -> LeasedCaptions:
    leased = lease(store)
    assert store.catalog.add_captions(leased, "me", write_captions(store, leased, words, model), None)
    return leased


def search_captions(store: Store) -> list[tuple[float, float, str | None, str | None]]:
    """Start, end and caption of the hits for a text, best first, and the text of the evidence."""
    searcher = Searcher(store, SPACE, store.settings)
    searcher.follower.refresh()
    query = Query((EvidenceQuery("caption", 8 * AXIS[1], -4.0, AXIS[1]),), SPACE, 0.5)
    hits = searcher.search(query, 10, Filters(), 0.5)
    return sorted((hit.start, hit.end, hit.caption, hit.evidence[0].text) for hit in hits)


def texts(store: Store, item_id: str, space: SpaceId = SPACE) -> list[tuple[float, float, str, str]]:
    return [(row.start, row.end, row.text, row.model) for row in store.catalog.list_captions(item_id, space)]


def test_lease_captions_of_a_video_has_its_scenes_with_a_frame_of_each(store: Store) -> None:
    item = add_item(store, 1)
    assert store.catalog.has_due_captions(SPACE, ATTEMPTS)
    assert store.catalog.count_uncaptioned_items(SPACE) == 1
    leased = lease(store)
    assert leased.item_id == item
    assert [(scene.start, scene.end, scene.frame_time, scene.segments, scene.next_segment) for scene in leased.scenes] == [
        (0.0, 2.0, 1.5, [0, 1], 2),
        (2.0, 3.0, 2.5, [2], 3),
    ]
    assert not store.catalog.has_due_captions(SPACE, ATTEMPTS), "one lease at a time"
    assert store.catalog.lease_captions(SPACE, "other", 60, ATTEMPTS) == []


def test_lease_captions_of_audio_is_never_due(store: Store) -> None:
    add_item(store, 1, kind="audio")
    assert not store.catalog.has_due_captions(SPACE, ATTEMPTS)
    assert store.catalog.count_uncaptioned_items(SPACE) == 0


def test_add_captions_in_two_batches_makes_both_searchable(store: Store) -> None:
    item = add_item(store, 1)
    first = lease(store)
    (caption,) = write_captions(store, first, ["A dog runs."])
    assert store.catalog.add_captions(first, "me", [caption], first.scenes[0].next_segment)
    assert search_captions(store) == [(0.0, 2.0, "A dog runs.", "A dog runs.")]
    assert store.catalog.count_uncaptioned_items(SPACE) == 1
    rest = lease(store)
    assert [scene.start for scene in rest.scenes] == [2.0]
    assert store.catalog.add_captions(rest, "me", write_captions(store, rest, ["A cat sleeps."]), None)
    assert texts(store, item) == [(0.0, 2.0, "A dog runs.", MODEL), (2.0, 3.0, "A cat sleeps.", MODEL)]
    assert {hit[2] for hit in search_captions(store)} == {"A dog runs."}, "adjacent segments are one hit of the best segment"
    shown = store.catalog.get_item(item)
    assert shown is not None
    assert shown.caption == "A dog runs."
    assert [segment.caption for segment in store.catalog.list_segments(item, SPACE, -1.0, 10)] == [
        "A dog runs.",
        "A dog runs.",
        "A cat sleeps.",
    ]
    assert not store.catalog.has_due_captions(SPACE, ATTEMPTS)
    changes = store.catalog.get_changes_after(0, SPACE, 100)
    assert [row.num_evidence for row in changes.publications] == [6]


def test_add_captions_without_any_leaves_the_publication(store: Store) -> None:
    add_item(store, 1)
    head = store.catalog.get_head()
    assert store.catalog.add_captions(lease(store), "me", [], None)
    assert store.catalog.get_head() == head
    assert store.catalog.count_uncaptioned_items(SPACE) == 0


def test_add_captions_after_lost_lease_changes_nothing(store: Store, clock: Clock) -> None:
    item = add_item(store, 1)
    first = lease(store, "first")
    assert store.catalog.extend_caption_lease(first, "first", 60)
    clock.now += 61
    second = lease(store, "second")
    assert not store.catalog.extend_caption_lease(first, "first", 60)
    assert not store.catalog.add_captions(first, "first", write_captions(store, first, ["Lost."]), None)
    assert store.catalog.add_captions(second, "second", write_captions(store, second, ["Kept."]), None)
    assert [words for _, _, words, _ in texts(store, item)] == ["Kept."]


def test_add_captions_counts_failed_attempts_only(store: Store) -> None:
    add_item(store, 1)
    for _ in range(ATTEMPTS + 1):
        assert store.catalog.add_captions(lease(store), "me", [], 0)
    for _ in range(ATTEMPTS):
        assert store.catalog.add_captions(lease(store), "me", [], 0, "The decoder did not answer.")
    assert store.catalog.lease_captions(SPACE, "me", 60, ATTEMPTS) == []
    assert not store.catalog.has_due_captions(SPACE, ATTEMPTS)
    assert store.catalog.count_uncaptioned_items(SPACE) == 1, "an item that is not retried still counts"


def test_lease_captions_of_several_items_leases_each_once(store: Store) -> None:
    items = [add_item(store, seed) for seed in range(4)]
    first = store.catalog.lease_captions(SPACE, "first", 60, ATTEMPTS, 3)
    second = store.catalog.lease_captions(SPACE, "second", 60, ATTEMPTS, 3)
    assert [leased.item_id for leased in (*first, *second)] == items


def test_lease_captions_stops_after_leases_that_end_without_captions(store: Store, clock: Clock) -> None:
    add_item(store, 1)
    for _ in range(ATTEMPTS):
        lease(store)
        clock.now += 61
    assert store.catalog.lease_captions(SPACE, "me", 60, ATTEMPTS) == []


def test_lease_captions_of_an_item_that_ends_each_worker_leaves_the_others_their_attempts(store: Store, clock: Clock) -> None:
    items = [add_item(store, seed) for seed in range(1, 6)]
    fatal, captioned = items[2], list[str]()
    while leased := store.catalog.lease_captions(SPACE, "me", 60, ATTEMPTS, 3):
        if fatal in [item.item_id for item in leased]:
            clock.now += 61  # the worker was killed
            continue
        for item in leased:
            assert store.catalog.add_captions(item, "me", write_captions(store, item, ["a", "b"]), None)
            captioned.append(item.item_id)
    assert sorted(captioned) == sorted(set(items) - {fatal})
    assert store.catalog.count_uncaptioned_items(SPACE) == 1


def test_has_due_captions_is_false_while_jobs_are_runnable(store: Store) -> None:
    add_item(store, 1)
    _, job = add(store, 2)
    assert not store.catalog.has_due_captions(SPACE, ATTEMPTS)
    store.catalog.update_job(job.id, state="failed", error="broken")
    assert store.catalog.has_due_captions(SPACE, ATTEMPTS)


def test_set_caption_model_of_a_new_version_replaces_captions_and_keeps_the_old_ones(store: Store) -> None:
    item = add_item(store, 1)
    caption_all(store, ["A dog runs.", "A cat sleeps."])
    store.catalog.set_caption_model(MODEL)
    assert store.catalog.count_uncaptioned_items(SPACE) == 0
    store.catalog.set_caption_model(LATER_MODEL)
    assert [words for _, _, words, _ in texts(store, item)] == ["A dog runs.", "A cat sleeps."], "until they are replaced"
    leased = caption_all(store, ["A brown dog runs.", "A cat sleeps in the sun."], LATER_MODEL)
    assert leased.known == [], "captions of another model are not used again"
    assert [words for _, _, words, _ in texts(store, item)] == ["A brown dog runs.", "A cat sleeps in the sun."]
    assert search_captions(store)[0][2:] == ("A brown dog runs.", "A brown dog runs.")
    (row,) = store.catalog.get_changes_after(0, SPACE, 100).publications
    assert row.num_evidence == 6, "the evidence is replaced"
    store.catalog.set_caption_model(MODEL)
    assert [row.text for row in lease(store).known] == ["A dog runs.", "A cat sleeps."], "the history is kept"


def test_captions_below_the_least_confidence_are_neither_shown_nor_searched(store: Store) -> None:
    item = add_item(store, 1)
    caption_all(store, ["A dog runs.", "A cat sleeps."])
    assert store.catalog.count_hidden_captions(item, SPACE) == 0
    store.catalog.set_caption_model(MODEL, 0.8)
    assert texts(store, item) == []
    assert store.catalog.count_hidden_captions(item, SPACE) == 2
    leased = lease(store)
    assert [(row.text, row.confidence) for row in leased.known] == [("A dog runs.", 0.75), ("A cat sleeps.", 0.75)]
    rewritten = write_captions(store, leased, ["A dog runs.", "A cat sleeps."], least=0.8)
    assert store.catalog.add_captions(leased, "me", rewritten, None)
    assert search_captions(store) == []
    shown = store.catalog.get_item(item)
    assert shown is not None
    assert shown.caption is None
    assert [segment.caption for segment in store.catalog.list_segments(item, SPACE, -1.0, 10)] == [None, None, None]
    (row,) = store.catalog.get_changes_after(0, SPACE, 100).publications
    assert row.num_evidence == 3
    store.catalog.set_caption_model(MODEL, 0.8)
    assert not store.catalog.has_due_captions(SPACE, ATTEMPTS)


def test_reindex_makes_captions_due_and_offers_those_of_the_former_space(store: Store) -> None:
    there = NamedSpace("other", SpaceId("other", 1))
    item = add_item(store, 1)
    caption_all(store, ["A dog runs.", "A cat sleeps."])
    add_item(store, 2)
    store.catalog.start_reindex(NamedSpace("lite", SPACE), there)
    for job in store.catalog.create_reindex_jobs(10):
        store.catalog.plan_job(job.id, there.id, [Span(0.0, 3.0)])
        shard = store.shards.write(there.id, {"picture": AXIS[:1].astype(np.float16)}, [])
        picture = NewEvidence("picture", 0, 3, None, shard, 0)
        assert store.catalog.commit_item(job.id, [NewSegment(0, 3, 0, [picture])])
    assert store.catalog.finish_reindex()
    shown = store.catalog.get_item(item)
    assert shown is not None
    assert shown.caption is None
    leased = lease(store, space=there.id, reuse_only=True)
    assert leased.item_id == item
    assert [(row.frame_time, row.text) for row in leased.known] == [(1.5, "A dog runs."), (2.5, "A cat sleeps.")]
    assert store.catalog.lease_captions(there.id, "me", 60, ATTEMPTS, reuse_only=True) == [], "the other item has none"
    assert store.catalog.add_captions(leased, "me", write_captions(store, leased, ["A dog runs."]), None)
    assert [words for _, _, words, _ in texts(store, item, there.id)] == ["A dog runs."]
    assert store.catalog.drop_space(SPACE, 10) == 2
    assert store.catalog.list_captions(item, SPACE) == []
    assert store.catalog.count_uncaptioned_items(SPACE) == 0


def test_captions_are_deleted_with_the_item(store: Store) -> None:
    item = add_item(store, 1)
    add_item(store, 2)
    leased = lease(store)
    assert store.catalog.delete_item(item)
    assert not store.catalog.add_captions(leased, "me", write_captions(store, leased, ["Gone."]), None)
    assert store.catalog.count_uncaptioned_items(SPACE) == 1
    caption_all(store, ["A cat sleeps."])
    assert store.catalog.list_captions(item, SPACE) == []


def test_migration_0010_makes_searchable_images_and_videos_due(settings: Settings) -> None:
    database = Database(settings.catalog_url)
    settings.root.mkdir(parents=True, exist_ok=True)
    with database.begin_write() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(migrate.FOLDER))
        command.upgrade(config, "0009")
        for pk, kind in ((1, "video"), (2, "audio"), (3, "image"), (4, "image")):
            for statement in ROWS[: 1 if pk == 4 else 2]:
                connection.execute(text(statement), {"pk": pk, "id": f"{pk:032x}", "kind": kind, "no": False})
    migrate.migrate(database, settings.root / "catalog.lock")
    count = Catalog(database).count_uncaptioned_items(SPACE)
    database.close()
    assert count == 2
