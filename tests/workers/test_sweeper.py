"""The sweeper: dispatches lost work once, and continues after a broker outage."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from mm.errors import Unavailable
from tests.api import media
from tests.indexes.conftest import Clock
from tests.waiting import wait_for
from tests.workers.conftest import LEASE_SECONDS, SWEEP_SECONDS, Home
from tests.workers.videos import create_video
from workers.context import WorkerContext
from workers.stall_detector import StallDetector
from workers.sweeper import STALLED, Sweeper
from workers.tasks.encode import encode_chunk
from workers.tasks.finish import finish_job
from workers.tasks.measure_runtimes import IDLE_SECONDS, RuntimeMeasurement
from workers.tasks.plan import plan_job
from workers.tasks.retries import ChunkAttempt, get_retry_seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sweeper(home: Home, context: WorkerContext, clock: Clock) -> Sweeper:
    return Sweeper(home.store, context.dispatcher, home.settings, clock=clock)


def test_sweeper_work_with_a_lost_message_is_dispatched_again(
    home: Home, context: WorkerContext, sweeper: Sweeper, clock: Clock
) -> None:
    """The lost work is a plan, then a chunk, then the end of the job, then nothing."""
    job_id = home.add(create_video(2.0), "a.mp4")
    for step in (plan_job, encode_without_finish, finish_job):
        home.broker.empty()
        assert sweeper.sweep() == 1
        assert context.dispatcher.count_waiting() == 1, "no ping, because a message waits"
        assert sweeper.sweep() == 0, "its message waits already"
        step(context, job_id)
        clock.now += 1.1 * LEASE_SECONDS
    assert home.state(job_id) == "done"
    home.broker.empty()
    assert sweeper.sweep() == 0
    assert context.dispatcher.count_waiting() == 1, "a ping"


def encode_without_finish(context: WorkerContext, job_id: str) -> None:
    """Encode as a worker that is killed between the last chunk and the end of the job."""
    (chunk,) = context.store.catalog.list_chunks(job_id)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.tasks.encode.finish_job", lambda context, job_id: None)
        encode_chunk(context, chunk.pk)


def test_sweeper_failed_attempt_is_dispatched_after_the_retry_delay(
    home: Home, context: WorkerContext, sweeper: Sweeper, clock: Clock
) -> None:
    job_id = home.add(create_video(2.0), "a.mp4")
    plan_job(context, job_id)
    chunk = home.store.catalog.lease_chunk(home.chunk(job_id).pk, context.owner, LEASE_SECONDS)
    assert chunk is not None
    with pytest.raises(OSError, match="disk"), ChunkAttempt(context, chunk):
        raise OSError("disk")
    home.broker.empty()
    assert sweeper.sweep() == 0
    clock.now += get_retry_seconds(home.settings)
    home.broker.empty()
    assert sweeper.sweep() == 1


def test_sweeper_chunk_of_a_lost_worker_is_dispatched_when_its_lease_expires(
    home: Home, context: WorkerContext, sweeper: Sweeper, clock: Clock
) -> None:
    job_id = home.add(create_video(2.0), "a.mp4")
    plan_job(context, job_id)
    assert home.store.catalog.lease_chunk(home.chunk(job_id).pk, "lost", LEASE_SECONDS) is not None
    home.broker.empty()
    assert sweeper.sweep() == 0
    clock.now += LEASE_SECONDS
    home.broker.empty()
    assert sweeper.sweep() == 1


def test_sweeper_running_task_records_heartbeats_and_a_stalled_one_ends_the_worker(home: Home, context: WorkerContext) -> None:
    now = Clock()
    stall_detector = StallDetector(SWEEP_SECONDS, now, stall_seconds=900.0)
    reasons: list[str] = []
    sweeper = Sweeper(
        home.store, context.dispatcher, home.settings, stall_detector, reasons.append, record_heartbeat=context.record_heartbeat
    )
    sweeper.sweep()
    assert home.store.catalog.get_last_heartbeat() is None, "an idle process receives a ping"
    with stall_detector.track_task():
        sweeper.sweep()
        assert home.store.catalog.get_last_heartbeat() is not None
        now.now += 800.0
        stall_detector.record_progress()
        now.now += 800.0
        sweeper.sweep()
        assert reasons == []
        now.now += 200.0
        home.broker.stop()
        with pytest.raises(Unavailable):
            sweeper.sweep()
        home.broker.start()
        sweeper.sweep()
        assert reasons == [STALLED]


def test_sweeper_without_a_broker_continues_when_it_responds(home: Home, context: WorkerContext, sweeper: Sweeper) -> None:
    job_id = home.add(media.image(1), "a.png")
    home.broker.stop()
    with pytest.raises(Unavailable):
        sweeper.sweep()
    with sweeper:
        time.sleep(3 * SWEEP_SECONDS)
        home.broker.start()
        home.broker.empty()
        wait_for(lambda: context.dispatcher.count_waiting() >= 1, "it dispatches the job")
    assert home.state(job_id) == "queued"


def test_sweeper_unreferenced_blob_is_removed_after_the_set_time(home: Home, context: WorkerContext) -> None:
    with home.store.blobs.open_writer() as writer:  # as an upload that crashed between its blob and its row
        writer.write(b"bytes without a row")
        sha256, _ = writer.commit()
    kept_job = home.job(home.add(media.image(1), "a.png"))
    time.sleep(0.1)
    Sweeper(home.store, context.dispatcher, home.settings).sweep()
    assert home.store.blobs.path(sha256).exists(), "the default keeps it for a day"
    Sweeper(home.store, context.dispatcher, home.settings.model_copy(update={"leftover_seconds": 0.05})).sweep()
    assert not home.store.blobs.path(sha256).exists()
    item = home.store.catalog.get_item(kept_job.item_id)
    assert item is not None
    assert home.store.blobs.path(item.sha256).exists()


def test_sweeper_is_idle_only_without_open_jobs_and_without_a_measurement(home: Home, context: WorkerContext) -> None:
    with RuntimeMeasurement(home.settings, lambda settings: sleeper(), lambda settings: True, clock := Clock()) as measurement:
        sweeper = Sweeper(home.store, context.dispatcher, home.settings, measurement=measurement)
        sweeper.sweep()
        assert sweeper.is_idle
        home.broker.empty()
        clock.now += IDLE_SECONDS
        sweeper.sweep()
        assert measurement.is_running
        assert not sweeper.is_idle, "a running measurement must end soon after work arrives"
        home.add(media.image(1), "a.png")
        home.broker.empty()
        sweeper.sweep()
        assert not measurement.is_running
        assert not sweeper.is_idle


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
