"""Encoding of chunks: once despite repeated messages, interrupts, retries and quarantine."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mm.errors import MediaError
from mm.media.types import MediaInfo, Span
from mm.spaces import Space
from mm.spaces.encode.ocr_budget import OcrBudget
from mm.spaces.types import SpaceId
from tests.api import media
from tests.waiting import wait_for
from tests.workers.conftest import LEASE_SECONDS, Home, expire_lease, open_context, work
from tests.workers.videos import SPEECH, create_video
from workers.context import WorkerContext
from workers.tasks.encode import encode_chunk
from workers.tasks.finish import finish_job
from workers.tasks.lease import Interrupted, Lease
from workers.tasks.plan import plan_job

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = 60.0
"""Duration of a video that takes longer to encode than the interval of heartbeats."""


def test_encode_video_gives_segments_that_tile_it(home: Home, context: WorkerContext) -> None:
    job_id = home.add(create_video(13.0), "market in the morning.mp4")
    work(context, job_id)
    assert home.state(job_id) == "done"
    segments = home.segments(job_id)
    assert segments[0][0] == 0.0
    assert segments[-1][1] == pytest.approx(13.0, abs=0.3)
    assert [end for _, end in segments[:-1]] == [start for start, _ in segments[1:]]
    counts = home.store.catalog.count_rows()
    assert (counts.items, counts.segments) == (1, len(segments))
    assert counts.evidence >= len(segments) + 1, "an image each, and the name once"


def test_finish_job_after_chunks_in_reverse_order_commits_one_item(home: Home, space: Space) -> None:
    job_id = home.add(create_video(13.0), "a.mp4")
    with open_context(home, space, chunk_seconds=5.0) as context:
        plan_job(context, job_id)
        chunks = home.store.catalog.list_chunks(job_id)
        assert len(chunks) >= 3
        for chunk in reversed(chunks):
            finish_job(context, job_id)
            assert home.state(job_id) == "running", "not before the last chunk"
            encode_chunk(context, chunk.pk)
        finish_job(context, job_id)
    assert home.state(job_id) == "done"
    segments = home.segments(job_id)
    assert [end for _, end in segments[:-1]] == [start for start, _ in segments[1:]]
    assert home.store.catalog.count_rows().segments == len(segments)


def test_encode_speech_gives_its_words_as_evidence(home: Home, context: WorkerContext) -> None:
    job_id = home.add(SPEECH.read_bytes(), "beckett.wav")
    work(context, job_id)
    words = " ".join(
        str(part["text"])
        for segment in context.store.shards.read(str(home.chunk(job_id).shard_id), context.spaces.load_current().id).segments
        for part in segment["evidence"]
    )
    assert "fail" in words.lower()


def test_encode_repeated_work_changes_nothing(home: Home, context: WorkerContext) -> None:
    job_id = home.add(create_video(6.0), "a.mp4")
    work(context, job_id)
    before = (home.chunk(job_id), home.job(job_id), home.store.catalog.count_rows())
    work(context, job_id)
    assert (home.chunk(job_id), home.job(job_id), home.store.catalog.count_rows()) == before


def test_encode_two_concurrent_workers_encode_a_chunk_once(home: Home, space: Space) -> None:
    job_id = home.add(create_video(20.0), "a.mp4")
    with open_context(home, space) as one, open_context(home, space) as other:
        plan_job(one, job_id)
        pk = home.chunk(job_id).pk
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(encode_chunk, context, pk) for context in (one, other)]:
                done.result()
        chunk = home.chunk(job_id)
        assert chunk.done
        assert chunk.attempts == 1
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(finish_job, context, job_id) for context in (one, other)]:
                done.result()
    assert home.store.catalog.count_rows().segments == len(home.segments(job_id))


def test_encode_same_file_twice_gives_the_same_shard(home: Home, space: Space, context: WorkerContext) -> None:
    """A second delivery is harmless even if two workers encode concurrently. Text recognition
    depends on a time budget; here it is unlimited."""
    context = replace(context, ocr_budget=OcrBudget("always"))
    job_id = home.add(create_video(6.0), "a.mp4")
    work(context, job_id)
    first = home.chunk(job_id).shard_id
    home.store.catalog.delete_item(home.job(job_id).item_id)
    again = home.add(create_video(6.0), "a.mp4")
    work(context, again)
    assert home.chunk(again).shard_id == first


@pytest.fixture
def encoding(home: Home, space: Space) -> Iterator[tuple[WorkerContext, str, Future[None]]]:
    """A worker in the middle of a long chunk: its context, the job, the work."""
    with open_context(home, space, max_attempts=1) as context, ThreadPoolExecutor(1) as pool:
        job_id = home.add(create_video(LONG), "long.mp4")
        plan_job(context, job_id)
        running = pool.submit(encode_chunk, context, home.chunk(job_id).pk)
        wait_for(lambda: home.encoding(job_id), "the worker encodes")
        assert not running.done()
        yield context, job_id, running


def test_encode_job_cancelled_meanwhile_ends_as_cancelled(home: Home, encoding: tuple[WorkerContext, str, Future[None]]) -> None:
    _, job_id, running = encoding
    home.store.catalog.cancel_job(job_id)
    running.result()
    job = home.job(job_id)
    assert (job.state, job.error) == ("cancelled", None)
    assert not any(chunk.done for chunk in home.store.catalog.list_chunks(job_id))
    assert home.store.catalog.count_rows().segments == 0
    assert home.store.catalog.count_due_work(0.0) == 0


def test_encode_item_deleted_meanwhile_leaves_no_rows(home: Home, encoding: tuple[WorkerContext, str, Future[None]]) -> None:
    context, job_id, running = encoding
    item = home.store.catalog.get_item_of_job(job_id)
    assert item is not None
    home.store.catalog.delete_item(item.id)
    home.store.blobs.delete(item.sha256)
    running.result()
    assert home.store.catalog.get_item(item.id) is None
    assert home.store.catalog.list_chunks(job_id) == []
    assert home.store.catalog.count_rows().segments == 0
    finish_job(context, job_id)
    assert home.store.catalog.count_due_work(0.0) == 0


def test_encode_item_deleted_before_its_blob_is_opened_leaves_no_rows(
    home: Home, context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = home.add(create_video(6.0), "a.mp4")
    plan_job(context, job_id)
    pk, item = home.chunk(job_id).pk, home.store.catalog.get_item_of_job(job_id)
    assert item is not None
    probe = context.reader.probe

    def delete_and_probe(path: Path, name: str) -> MediaInfo:
        home.store.catalog.delete_item(item.id)
        home.store.blobs.delete(item.sha256)
        return probe(path, name)

    monkeypatch.setattr(context.reader, "probe", delete_and_probe)
    encode_chunk(context, pk)
    assert home.store.catalog.list_chunks(job_id) == []
    assert home.store.catalog.count_due_work(0.0) == 0


def test_encode_worker_stop_releases_the_chunk_without_an_attempt(
    home: Home, encoding: tuple[WorkerContext, str, Future[None]], context: WorkerContext
) -> None:
    stopping, job_id, running = encoding
    sent = stopping.dispatcher.count_waiting()
    stopping.stop.set()
    running.result()
    chunk = home.chunk(job_id)
    assert (chunk.done, chunk.attempts, chunk.error) == (False, 0, None)
    assert context.dispatcher.count_waiting() == sent + 1
    assert home.store.catalog.lease_chunk(chunk.pk, context.owner, LEASE_SECONDS) is not None, "without a delay"


def test_lease_taken_by_another_owner_interrupts_the_work(home: Home, context: WorkerContext) -> None:
    job_id = home.add(create_video(6.0), "a.mp4")
    plan_job(context, job_id)
    catalog, pk = home.store.catalog, home.chunk(job_id).pk
    assert catalog.lease_chunk(pk, "stalled", LEASE_SECONDS) is not None
    assert catalog.lease_chunk(pk, "other", LEASE_SECONDS) is None
    expire_lease()
    assert catalog.lease_chunk(pk, "other", 60.0) is not None
    with Lease(catalog.extend_lease, [pk], "stalled", LEASE_SECONDS, context.stop) as lease:
        wait_for(lambda: interrupted(lease), "the lease is lost")
    assert not catalog.finish_chunk(pk, "stalled", "0" * 64)
    catalog.release_chunk(pk, "stalled", "too late")
    assert catalog.extend_lease(pk, "other", 60.0)


def interrupted(lease: Lease) -> bool:
    try:
        lease.check()
    except Interrupted:
        return True
    return False


def test_lease_is_extended_while_its_owner_works(home: Home, context: WorkerContext) -> None:
    job_id = home.add(media.image(1), "a.png")
    plan_job(context, job_id)
    pk = home.chunk(job_id).pk
    assert home.store.catalog.lease_chunk(pk, "slow", LEASE_SECONDS) is not None
    with Lease(home.store.catalog.extend_lease, [pk], "slow", LEASE_SECONDS, context.stop) as lease:
        expire_lease()
        lease.check()
        encode_chunk(context, pk)
        assert not home.chunk(job_id).done


def test_encode_truncated_file_fails_its_job_with_the_reason(home: Home, context: WorkerContext) -> None:
    whole = create_video(20.0, container="matroska")
    job_id = home.add(whole[: len(whole) // 2], "cut off.mkv", unprobed=True)
    work(context, job_id)
    job = home.job(job_id)
    assert job.state == "failed", job
    assert job.error is not None
    assert "cut off.mkv" in job.error
    assert "truncated" in job.error
    assert home.store.catalog.count_rows().segments == 0


def test_encode_chunk_of_another_space_version_fails_its_job(home: Home, context: WorkerContext) -> None:
    job_id = home.add(create_video(6.0), "a.mp4")
    other = SpaceId(context.spaces.load_current().id.name, context.spaces.load_current().id.version + 1)
    (chunk,) = home.store.catalog.plan_job(job_id, other, [Span(0.0, 6.0)])
    encode_chunk(context, chunk.pk)
    job = home.job(job_id)
    assert job.state == "failed"
    assert job.error is not None
    assert str(other) in job.error
    assert str(context.spaces.load_current().id) in job.error


def test_encode_file_over_the_memory_limit_is_quarantined_and_the_next_file_succeeds(
    home: Home, space: Space, context: WorkerContext
) -> None:
    job_id = home.add(media.image(1, (7000, 7000)), "poster.png")
    plan_job(context, job_id)
    with open_context(home, space, sandbox_memory=187 << 20) as tight:
        pk = home.chunk(job_id).pk
        for attempt in range(1, 1 + home.settings.max_attempts):
            assert home.state(job_id) == "running"
            with pytest.raises(MediaError, match="out-of-memory"):
                encode_chunk(tight, pk)
            assert home.chunk(job_id).attempts == attempt
        job = home.job(job_id)
        assert job.state == "quarantined"
        assert job.error is not None
        assert "2 attempts" in job.error
        assert "poster.png" in job.error
        item = home.store.catalog.get_item(job.item_id)
        assert item is not None
        assert (item.status, item.error) == ("quarantined", job.error)
        encode_chunk(tight, pk)
        assert home.chunk(job_id).attempts == home.settings.max_attempts
        small = home.add(media.image(2), "small.png")
        work(tight, small)
        assert home.state(small) == "done"


def test_encode_progress_never_decreases(home: Home, space: Space) -> None:
    job_id = home.add(create_video(24.0), "a.mp4")
    with open_context(home, space, chunk_seconds=6.0) as context:
        work(context, job_id)
    events = home.store.catalog.list_events_after(job_id, 0, 1000)
    progress = [event.progress for event in events]
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    assert [event.state for event in events][-1] == "done"
    assert any("encoding 2 of " in event.stage for event in events)


def test_encode_and_finish_of_missing_rows_do_nothing(home: Home, context: WorkerContext) -> None:
    encode_chunk(context, 10**9)
    finish_job(context, "job_nosuch")
    assert context.dispatcher.count_waiting() == 0
