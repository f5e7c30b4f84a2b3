"""Work units with real media: chunks, and batches whose images succeed or fail independently."""

from __future__ import annotations

import pytest

from mm.spaces import Space
from tests.api import media
from tests.workers.conftest import LEASE_SECONDS, Home, open_context
from tests.workers.videos import create_video
from workers.context import WorkerContext
from workers.tasks.images import encode_image_jobs
from workers.work_unit import run_work_unit


def stages(home: Home, job_id: str) -> list[tuple[str, str]]:
    return [(event.state, event.stage) for event in home.store.catalog.list_events_after(job_id, 0, 1000)]


def test_run_work_unit_short_video_is_searchable_after_one_unit(home: Home, context: WorkerContext) -> None:
    job_id = home.add(create_video(3.0), "a.mp4")
    assert stages(home, job_id) == [("queued", "waiting")]
    run_work_unit(context)
    assert home.state(job_id) == "done"
    assert context.dispatcher.count_waiting() == 0


def test_run_work_unit_long_video_alternates_with_a_short_one_and_reports_its_stage(home: Home, space: Space) -> None:
    with open_context(home, space, chunk_seconds=16.0) as context:
        long = home.add(create_video(40.0), "long.mp4")
        run_work_unit(context)
        chunks = len(home.store.catalog.list_chunks(long))
        assert context.dispatcher.count_waiting() == chunks - 1, "a message for each remaining work unit"
        assert home.job(long).stage == f"waiting for its turn, 1 of {chunks} encoded"
        short = home.add(create_video(3.0, seed=1), "short.mp4")
        run_work_unit(context)
        assert (home.state(short), home.state(long)) == ("done", "running")
        for _ in range(chunks - 1):
            run_work_unit(context)
        assert home.state(long) == "done"


def test_encode_image_jobs_commits_a_batch_and_fails_only_the_broken_image(home: Home, context: WorkerContext) -> None:
    valid = [home.add(media.image(n), f"market {n}.png") for n in range(3)]
    broken = home.add(media.image(9)[:200], "broken.png", unprobed=True)
    unit = home.store.catalog.claim_work("other", LEASE_SECONDS, 120.0)
    assert unit is not None
    encode_image_jobs(context, [*unit.job_ids, *([broken] if broken not in unit.job_ids else [])])
    assert [home.state(job_id) for job_id in valid] == ["done"] * 3
    assert home.state(broken) == "failed"
    assert "broken.png" in str(home.job(broken).error)
    counts = home.store.catalog.count_rows()
    assert counts.segments == 3
    assert counts.evidence == 6, "each has its image and its name"
    assert home.store.catalog.count_due_work(0.0) == 0


def test_encode_image_jobs_batch_gives_the_vectors_of_single_images(home: Home, context: WorkerContext) -> None:
    jobs = [home.add(media.image(n), f"{n}.png") for n in range(3)]
    encode_image_jobs(context, jobs)
    shards = [home.chunk(job_id).shard_id for job_id in jobs]
    for job_id, shard_id in zip(jobs, shards, strict=True):
        item = home.store.catalog.get_item(home.job(job_id).item_id)
        assert item is not None
        path = home.store.blobs.path(item.sha256)
        assert shard_id is not None
        stored = home.store.shards.read(shard_id, context.spaces.load_current().id).vectors["picture"][0]
        single = context.spaces.load_current().image.embed([context.reader.image(path, item.name)])[0]
        assert float(stored.astype("float32") @ single) > 0.99


def test_run_work_unit_worker_stop_releases_images_without_an_attempt(home: Home, context: WorkerContext) -> None:
    jobs = [home.add(media.image(n), f"{n}.png") for n in range(3)]
    context.stop.set()
    run_work_unit(context)
    chunks = [home.chunk(job_id) for job_id in jobs]
    assert {(chunk.done, chunk.attempts, chunk.error, chunk.owner) for chunk in chunks} == {(False, 0, None, None)}
    assert context.dispatcher.count_waiting() == 3


def test_run_work_unit_error_of_a_batch_counts_for_each_image_and_retries_them_alone(
    home: Home, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [home.add(media.image(n), f"{n}.png") for n in range(2)]
    with open_context(home, space, sweep_seconds=0.001) as context:
        with monkeypatch.context() as patch:
            patch.setattr("workers.tasks.images.encode_images", no_memory)
            run_work_unit(context)
        assert [(home.chunk(job_id).attempts, home.chunk(job_id).error) for job_id in jobs] == [(1, "MemoryError: no room")] * 2
        while home.store.catalog.count_due_work(LEASE_SECONDS):
            run_work_unit(context)
    assert [home.state(job_id) for job_id in jobs] == ["done"] * 2
    assert {home.chunk(job_id).attempts for job_id in jobs} == {2}


def no_memory(*_: object) -> None:
    raise MemoryError("no room")


def test_run_work_unit_without_work_does_nothing(home: Home, context: WorkerContext) -> None:
    run_work_unit(context)
    job_id = home.add(media.image(2), "a.png")
    home.store.catalog.cancel_job(job_id)
    run_work_unit(context)
    assert home.state(job_id) == "cancelled"
    assert home.store.catalog.list_chunks(job_id) == []
