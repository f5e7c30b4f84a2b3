"""Deferred text recognition: recorded with the item, leased, added later, deleted with it."""

from __future__ import annotations

import numpy as np
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from indexes import Store
from indexes.catalog import migrate
from indexes.catalog.catalog import Catalog
from indexes.catalog.database import Database
from indexes.catalog.queue.unread_text import LOST
from indexes.catalog.records import FailedImage, NewEvidence, NewSegment, TextProgress, UnreadImage
from indexes.search.searcher import Searcher
from mm.media.types import Span
from mm.schemas import Filters
from mm.settings import Settings
from mm.spaces.encode.evidence import TextImage
from mm.spaces.types import EvidenceQuery, Query, SpaceId
from tests.indexes.conftest import Clock
from tests.indexes.library import DIM, SPACE, add

ATTEMPTS = 2
AXIS = np.eye(DIM, dtype=np.float32)


def add_unread_item(store: Store, seed: int, unread: list[bool], space: SpaceId = SPACE) -> str:
    """Add a searchable item with one segment per value. Returns its id."""
    item, job = add(store, seed)
    store.catalog.plan_job(job.id, space, [Span(0.0, float(len(unread)))])
    shard = store.shards.write(space, {"picture": np.tile(AXIS[0], (len(unread), 1)).astype(np.float16)}, [seed])
    segments = [
        NewSegment(i, i + 1, i, [NewEvidence("picture", i, i + 1, None, shard, i)], unread=[TextImage(i + 0.5, i, i + 1)] * left)
        for i, left in enumerate(unread)
    ]
    assert store.catalog.commit_item(job.id, segments)
    return item.id


def new_text(store: Store, index: int, words: str) -> NewEvidence:
    shard = store.shards.write(SPACE, {"written": AXIS[1:2].astype(np.float16)}, [words])
    return NewEvidence("written", index, index + 1, words, shard, 0)


def search_text(store: Store) -> list[tuple[float, str | None]]:
    """Search for text. Returns the start and the text of each hit."""
    searcher = Searcher(store, SPACE, store.settings)
    searcher.follower.refresh()
    query = Query((EvidenceQuery("written", 8 * AXIS[1], -4.0, AXIS[1]),), SPACE, 0.5)
    return [(hit.best_start, hit.evidence[0].text) for hit in searcher.search(query, 10, Filters(), 0.5)]


def test_add_text_makes_text_searchable_and_reduces_count(store: Store) -> None:
    item = add_unread_item(store, 1, [True, False, True])
    add_unread_item(store, 2, [False])
    shown = store.catalog.get_item(item)
    assert shown is not None
    assert shown.num_unread_images == store.catalog.count_unread_images(SPACE) == 2
    assert store.catalog.has_due_text(SPACE)
    unread = store.catalog.lease_text(SPACE, "me", 60, ATTEMPTS)
    assert unread is not None
    first, third = unread.images
    assert (unread.item_id, first, third) == (item, UnreadImage(0, 0.5, 0, 1), UnreadImage(2, 2.5, 2, 3))
    assert not store.catalog.has_due_text(SPACE), "one lease at a time"
    assert store.catalog.lease_text(SPACE, "other", 60, ATTEMPTS) is None
    head = store.catalog.get_head()
    assert store.catalog.add_text(unread, "me", {first: []})
    assert store.catalog.get_head() == head, "there is no new publication"
    assert store.catalog.count_unread_images(SPACE) == 1
    again = store.catalog.lease_text(SPACE, "me", 60, ATTEMPTS)
    assert again is not None
    assert search_text(store) == []
    assert store.catalog.add_text(again, "me", {third: [new_text(store, 2, "Zanzibar")]})
    assert search_text(store) == [(2.0, "Zanzibar")]
    assert store.catalog.count_unread_images(SPACE) == 0
    assert not store.catalog.has_due_text(SPACE)
    changes = store.catalog.get_changes_after(0, SPACE, 100)
    assert sorted(row.num_evidence for row in changes.publications) == [1, 4], "one publication per item"


def test_add_text_after_lost_lease_changes_nothing(store: Store, clock: Clock) -> None:
    add_unread_item(store, 1, [True])
    first = store.catalog.lease_text(SPACE, "first", 60, ATTEMPTS)
    assert first is not None
    assert store.catalog.extend_text_lease(first, "first", 60)
    clock.now += 61
    assert store.catalog.has_due_text(SPACE)
    second = store.catalog.lease_text(SPACE, "second", 60, ATTEMPTS)
    assert second is not None
    assert not store.catalog.extend_text_lease(first, "first", 60)
    assert not store.catalog.add_text(first, "first", {first.images[0]: [new_text(store, 0, "lost")]})
    assert store.catalog.add_text(second, "second", {second.images[0]: [new_text(store, 0, "kept")]})
    assert search_text(store) == [(0.0, "kept")]


def test_lease_text_after_max_attempts_records_the_first_image_as_failed(store: Store, clock: Clock) -> None:
    item = add_unread_item(store, 1, [True, True])
    other = add_unread_item(store, 2, [True])
    for expected in (item, other):
        unread = store.catalog.lease_text(SPACE, "me", 60, ATTEMPTS)
        assert unread is not None
        assert (unread.item_id, unread.is_retry) == (expected, False), "items without an attempt first"
        clock.now += 61
    retry = store.catalog.lease_text(SPACE, "me", 60, ATTEMPTS)
    assert retry is not None
    assert (retry.item_id, retry.is_retry) == (item, True)
    clock.now += 61
    unread = store.catalog.lease_text(SPACE, "me", 60, ATTEMPTS)
    assert unread is not None
    assert (unread.item_id, unread.images, unread.is_retry) == (item, [UnreadImage(1, 1.5, 1, 2)], False)
    shown = store.catalog.get_item(item)
    assert shown is not None
    assert shown.text == TextProgress(0, 1, (FailedImage(0.5, LOST),))
    assert (store.catalog.count_unread_images(SPACE), store.catalog.count_failed_images(SPACE)) == (2, 1)


def test_retry_text_makes_failed_images_due_again(store: Store) -> None:
    item = add_unread_item(store, 1, [True, True])
    unread = store.catalog.lease_text(SPACE, "me", 60, ATTEMPTS)
    assert unread is not None
    first, second = unread.images
    assert store.catalog.add_text(unread, "me", {second: []}, failed={first: "The frame is broken."})
    shown = store.catalog.get_item(item)
    assert shown is not None
    assert shown.text == TextProgress(1, 0, (FailedImage(0.5, "The frame is broken."),))
    assert not store.catalog.has_due_text(SPACE)
    assert store.catalog.retry_text() == 1
    assert store.catalog.retry_text() == 0
    again = store.catalog.lease_text(SPACE, "me", 60, ATTEMPTS)
    assert again is not None
    assert again.images == [first]
    assert store.catalog.add_text(again, "me", {first: [new_text(store, 0, "Zanzibar")]})
    shown = store.catalog.get_item(item)
    assert shown is not None
    assert shown.text == TextProgress(2)
    assert search_text(store) == [(0.0, "Zanzibar")]


def test_add_text_of_two_images_of_one_segment_adds_both(store: Store) -> None:
    images = [TextImage(0.2, 0.0, 0.5), TextImage(0.7, 0.5, 1.0)]
    item, job = add(store, 1)
    store.catalog.plan_job(job.id, SPACE, [Span(0.0, 1.0)])
    shard = store.shards.write(SPACE, {"picture": AXIS[:1].astype(np.float16)}, [1])
    segment = NewSegment(0, 1, 0, [NewEvidence("picture", 0, 1, None, shard, 0)], unread=images, num_read=3)
    assert store.catalog.commit_item(job.id, [segment])
    unread = store.catalog.lease_text(SPACE, "me", 60, ATTEMPTS)
    assert unread is not None
    read = {image: [new_text(store, 0, f"page {number}")] for number, image in enumerate(unread.images)}
    assert store.catalog.add_text(unread, "me", read)
    shown = store.catalog.get_item(item.id)
    assert shown is not None
    assert shown.text == TextProgress(5)
    (publication,) = store.catalog.get_changes_after(0, SPACE, 100).publications
    assert publication.num_evidence == 3


def test_add_text_counts_failed_attempts_only(store: Store) -> None:
    add_unread_item(store, 1, [True])
    for _ in range(ATTEMPTS + 1):
        interrupted = store.catalog.lease_text(SPACE, "me", 60, ATTEMPTS)
        assert interrupted is not None
        assert store.catalog.add_text(interrupted, "me", {})
    for _ in range(ATTEMPTS):
        failed = store.catalog.lease_text(SPACE, "me", 60, ATTEMPTS)
        assert failed is not None
        assert store.catalog.add_text(failed, "me", {}, "The decoder did not answer.")
    assert store.catalog.lease_text(SPACE, "me", 60, ATTEMPTS) is None


def test_has_due_text_is_false_while_jobs_are_runnable(store: Store) -> None:
    add_unread_item(store, 1, [True])
    assert not store.catalog.has_runnable_jobs()
    _, job = add(store, 2)
    assert store.catalog.has_runnable_jobs()
    assert not store.catalog.has_due_text(SPACE)
    store.catalog.update_job(job.id, state="failed", error="broken")
    assert store.catalog.has_due_text(SPACE)


def test_unread_text_is_deleted_with_item_and_space(store: Store) -> None:
    other = SpaceId("lite", 2)
    gone = add_unread_item(store, 1, [True])
    add_unread_item(store, 2, [True], other)
    unread = store.catalog.lease_text(SPACE, "me", 60, ATTEMPTS)
    assert unread is not None
    store.catalog.delete_item(gone)
    assert not store.catalog.add_text(unread, "me", {unread.images[0]: [new_text(store, 0, "gone")]})
    assert store.catalog.count_unread_images(SPACE) == 0
    assert store.catalog.count_unread_images(other) == 1
    assert store.catalog.drop_space(other, 10) == 1
    assert store.catalog.count_unread_images(other) == 0


ROWS = (
    "INSERT INTO items "
    "(pk, id, sha256, name, kind, content_type, size, duration, width, height, fps, has_audio, status, created_at) "
    "VALUES (:pk, :id, :id, 'a', :kind, 'a/b', 1, 1, 1, 1, 1, :no, 'ready', '2026-01-01 00:00:00')",
    "INSERT INTO segments (pk, item_pk, space, index, start, \"end\", shot) VALUES (:pk * 10, :pk, 'lite@1', 0, 0, 1, 0)",
    "INSERT INTO segments (pk, item_pk, space, index, start, \"end\", shot) VALUES (:pk * 10 + 1, :pk, 'lite@1', 1, 1, 2, 0)",
    "INSERT INTO segments (pk, item_pk, space, index, start, \"end\", shot) VALUES (:pk * 10 + 2, :pk, 'lite@1', 2, 2, 3, 1)",
    'INSERT INTO evidence (segment_pk, kind, start, "end", shard_id, "row") VALUES (:pk * 10 + 1, :evidence, 1, 2, \'x\', 0)',
    "INSERT INTO published (item_pk, space, seq, evidence) VALUES (:pk, 'lite@1', :pk, 1)",
)


def test_migration_0008_records_shots_without_text_as_unread(settings: Settings) -> None:
    database = Database(settings.catalog_url)
    settings.root.mkdir(parents=True, exist_ok=True)
    script = ScriptDirectory(str(migrate.FOLDER))
    before = script.get_revision("0008").down_revision
    with database.begin_write() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(migrate.FOLDER))
        command.upgrade(config, str(before))
        for pk, kind, evidence in ((1, "video", "picture"), (2, "video", "written"), (3, "audio", "speech")):
            values = {"pk": pk, "id": f"{pk:032x}", "kind": kind, "evidence": evidence, "no": False}
            for statement in ROWS:
                row = text(statement.replace("index,", '"index",'))
                connection.execute(row, {name: value for name, value in values.items() if f":{name}" in statement})
    migrate.migrate(database, settings.root / "catalog.lock")
    catalog = Catalog(database)
    left = {pk: catalog.get_item(f"{pk:032x}") for pk in (1, 2, 3)}
    assert {pk: item.num_unread_images for pk, item in left.items() if item} == {1: 2, 2: 1, 3: 0}
    unread = catalog.lease_text(SPACE, "me", 60, ATTEMPTS)
    database.close()
    assert unread is not None
    assert unread.images == [UnreadImage(0, 0.5, 0, 1), UnreadImage(2, 2.5, 2, 3)]
