"""Planning: chunks that tile the item, written once, and a limit on attempts."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mm.errors import MediaError
from mm.media.types import MediaFile, MediaInfo, Span
from mm.spaces import Space
from tests.api import media
from tests.workers.conftest import Home, expire_lease, open_context
from tests.workers.videos import create_video
from workers.context import WorkerContext
from workers.tasks.plan import STAGE, cut_item, plan_job
from workers.tasks.retries import WAITING


def test_plan_job_video_chunks_tile_it_at_key_frames(home: Home, space: Space) -> None:
    job_id = home.add(create_video(13.0), "long.mp4")
    with open_context(home, space, chunk_seconds=5.0) as context:
        plan_job(context, job_id)
    chunks = home.store.catalog.list_chunks(job_id)
    spans = [(chunk.start, chunk.end) for chunk in chunks]
    assert spans[0][0] == 0.0
    assert spans[-1][1] == pytest.approx(13.0, abs=0.3)
    assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]
    assert all(end - start <= 5.0 for start, end in spans)
    assert all(start % 2.0 == pytest.approx(0.0, abs=0.01) for start, _ in spans), "a key frame every two seconds"
    assert {chunk.space for chunk in chunks} == {space.id}


@pytest.mark.parametrize(("data", "kind"), [(media.image(1), "image"), (media.audio(3.0), "audio")], ids=["image", "audio"])
def test_plan_job_image_and_short_audio_are_one_chunk(home: Home, context: WorkerContext, data: bytes, kind: str) -> None:
    job_id = home.add(data, "a.bin")
    plan_job(context, job_id)
    chunk = home.chunk(job_id)
    assert (chunk.start, chunk.end) == ((0.0, 0.0) if kind == "image" else (0.0, pytest.approx(3.0, abs=0.05)))


def test_cut_item_audio_is_cut_without_key_frames(home: Home, context: WorkerContext) -> None:
    info = MediaInfo("audio", "wav", "audio/wav", 25.0, 0, 0, 0, 0.0, "", "pcm_s16le")
    spans = cut_item(context.reader, MediaFile(home.settings.root / "never-opened", "a.wav", info), 10.0)
    assert [spans[0].start, spans[-1].end] == [0.0, 25.0]
    assert all(0 < span.length <= 10.0 for span in spans)
    assert all(isinstance(span, Span) for span in spans)


def test_plan_job_repeated_writes_the_chunks_once(home: Home, context: WorkerContext) -> None:
    job_id = home.add(create_video(6.0), "a.mp4")
    for _ in range(3 * home.settings.max_attempts):
        plan_job(context, job_id)
    assert len(home.store.catalog.list_chunks(job_id)) == 1
    assert home.state(job_id) == "running"
    assert context.dispatcher.count_waiting() == 0, "the work unit that plans encodes the first chunk"


def test_plan_job_two_concurrent_workers_write_the_chunks_once(home: Home, space: Space) -> None:
    job_id = home.add(create_video(13.0), "a.mp4")
    with open_context(home, space, chunk_seconds=5.0) as one, open_context(home, space, chunk_seconds=5.0) as other:
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(plan_job, context, job_id) for context in (one, other)]:
                done.result()
        chunks = home.store.catalog.list_chunks(job_id)
        assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
        assert len({(chunk.start, chunk.end) for chunk in chunks}) == len(chunks) >= 3


def test_plan_job_after_a_lost_worker_waits_for_the_lease_time(home: Home, context: WorkerContext) -> None:
    job_id = home.add(create_video(6.0), "a.mp4")
    home.store.catalog.update_job(job_id, state="running", stage=STAGE)  # as before its process was killed
    plan_job(context, job_id)
    assert home.store.catalog.list_chunks(job_id) == []
    expire_lease()
    plan_job(context, job_id)
    assert len(home.store.catalog.list_chunks(job_id)) == 1


def test_plan_job_after_the_last_lost_attempt_is_quarantined(home: Home, context: WorkerContext) -> None:
    job_id = home.add(create_video(6.0), "a.mp4")
    for _ in range(home.settings.max_attempts):
        home.store.catalog.update_job(job_id, state="running", stage=STAGE)
    expire_lease()
    plan_job(context, job_id)
    job = home.job(job_id)
    assert job.state == "quarantined"
    assert job.error is not None
    assert "lost" in job.error


def test_plan_job_transient_error_is_retried_until_the_last_attempt(home: Home, context: WorkerContext, space: Space) -> None:
    transient, permanent = home.add(create_video(6.0), "a.mp4"), home.add(create_video(7.0), "b.mp4")
    with open_context(home, space, sandbox_seconds=0.001) as short_timeout:
        for job_id in (transient, permanent):
            with pytest.raises(MediaError, match="timeout"):
                plan_job(short_timeout, job_id)
            assert (home.state(job_id), home.job(job_id).stage) == ("running", WAITING)
        with pytest.raises(MediaError, match="timeout"):
            plan_job(short_timeout, permanent)
    assert home.state(permanent) == "quarantined"
    assert "timeout" in str(home.job(permanent).error)
    plan_job(context, transient)
    assert len(home.store.catalog.list_chunks(transient)) == 1


@pytest.mark.parametrize("data", [b"no media at all, " * 50, b""])
def test_plan_job_file_that_is_not_media_fails_with_the_reason(home: Home, context: WorkerContext, data: bytes) -> None:
    job_id = home.add(data, "holiday.mp4", unprobed=True)
    plan_job(context, job_id)
    job = home.job(job_id)
    assert job.state == "failed"
    assert job.error is not None
    assert "holiday.mp4" in job.error
    item = home.store.catalog.get_item(job.item_id)
    assert item is not None
    assert (item.status, item.error) == ("failed", job.error)


def test_plan_job_missing_or_cancelled_job_does_nothing(home: Home, context: WorkerContext) -> None:
    plan_job(context, "job_nosuch")
    job_id = home.add(media.image(2), "a.png")
    home.store.catalog.cancel_job(job_id)
    plan_job(context, job_id)
    assert home.state(job_id) == "cancelled"
    assert home.store.catalog.list_chunks(job_id) == []
    assert context.dispatcher.count_waiting() == 0


def test_plan_job_records_a_heartbeat(home: Home, context: WorkerContext) -> None:
    before = time.time()
    plan_job(context, home.add(media.image(3), "a.png"))
    last = home.store.catalog.get_last_heartbeat()
    assert last is not None
    assert last >= before
