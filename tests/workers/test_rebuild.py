"""Rebuild of a lost catalog from the shards, without encoding again."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from indexes import Store, open_store
from indexes.recover.__main__ import rebuild
from mm.settings import Settings
from tests.workers.conftest import Home, open_context, work
from tests.workers.videos import create_video
from workers.tasks.finish import finish_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from indexes.catalog.records import NewSegment
    from mm.schemas import Recovery
    from mm.spaces import Space
    from workers.context import WorkerContext


def ignore_progress(line: str) -> None:
    """Discard progress lines."""


@pytest.fixture
def lost(home: Home, context: WorkerContext, tmp_path: Path) -> Settings:
    """A copy of a library of one encoded video, without its catalog."""
    job_id = home.add(create_video(8.0), "walk.mp4")
    item = home.store.catalog.get_item(home.job(job_id).item_id)
    assert item is not None
    home.store.descriptions.write(item)
    work(context, job_id)
    home.store.identity.record_revision()
    shutil.copytree(home.settings.root, tmp_path / "lost", ignore=shutil.ignore_patterns("catalog.db*", "graphs"))
    return Settings(home=tmp_path / "lost", broker_url=home.settings.broker_url)


@contextmanager
def open_rebuilt(settings: Settings) -> Iterator[tuple[Recovery, Store]]:
    result = rebuild(settings, ignore_progress)
    with open_store(settings) as store:
        yield result, store


def segments(store: Store, space: Space) -> list[NewSegment]:
    (item,) = store.catalog.find_items_by_blob(
        [path.name for path in (store.settings.root / "blobs").glob("??/*") if not path.suffix]
    )
    return store.catalog.list_segments(item.id, space.id, -1.0, 100)


def test_rebuild_of_an_encoded_video_reuses_its_shards(home: Home, lost: Settings, space: Space) -> None:
    with open_rebuilt(lost) as (result, store):
        assert (result.items, result.reused) == (1, 1)
        (job,) = store.catalog.list_jobs(10)
        chunks = store.catalog.list_chunks(job.id)
        assert chunks
        assert all(chunk.done for chunk in chunks)
        with open_context(replace(home, settings=lost, store=store), space) as context:
            finish_job(context, job.id)
        done = store.catalog.get_job(job.id)
        assert done is not None
        assert done.state == "done"
        assert segments(store, space) == segments(home.store, space)


def damage(settings: Settings) -> None:
    for path in (settings.root / "shards").glob("??/*"):
        path.write_bytes(path.read_bytes()[:-1] + b"?")


def remove(settings: Settings) -> None:
    for path in (settings.root / "shards").glob("??/*"):
        path.unlink()


def rename_space(settings: Settings) -> None:
    (path,) = (settings.root / "blobs").glob("??/*.json")
    description = json.loads(path.read_text())
    description["encoded"]["space"] = "lite@0"
    path.write_text(json.dumps(description))


@pytest.mark.parametrize("change", [damage, remove, rename_space])
def test_rebuild_with_unusable_shards_queues_the_item_again(lost: Settings, change: Callable[[Settings], None]) -> None:
    change(lost)
    with open_rebuilt(lost) as (result, store):
        assert (result.items, result.reused) == (1, 0)
        (job,) = store.catalog.list_jobs(10)
        assert job.state == "queued"
        assert store.catalog.list_chunks(job.id) == []


def test_description_write_with_new_tags_keeps_the_encoded_shards(home: Home, context: WorkerContext) -> None:
    job_id = home.add(create_video(2.0), "walk.mp4")
    work(context, job_id)
    item = home.store.catalog.get_item(home.job(job_id).item_id)
    assert item is not None
    before = home.store.descriptions.read(item.sha256)
    assert before is not None
    assert before.encoded is not None
    home.store.descriptions.write(replace(item, tags=("holiday",)))
    after = home.store.descriptions.read(item.sha256)
    assert after is not None
    assert (after.tags, after.encoded) == (["holiday"], before.encoded)
