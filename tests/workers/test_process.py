"""Real worker processes with a real broker: their work, and its recovery after crashes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.api import media
from tests.waiting import wait_for
from tests.workers.conftest import Home, work
from tests.workers.process import WorkerProcess
from tests.workers.videos import SPEECH, create_video
from workers.context import WorkerContext
from workers.messaging.dispatch import Dispatcher

LONG = 48.0
"""Duration of a video that takes several heartbeats to encode."""
ALL_PROCESSES_BYTES = 2 << 30


@contextmanager
def run_worker(home: Home, log: Path | None = None) -> Iterator[WorkerProcess]:
    """Start a worker and wait for its first heartbeat."""
    started = time.time()
    with WorkerProcess(home.settings, log or home.settings.root.parent / "worker.log") as worker:
        wait_for(lambda: (home.store.catalog.get_last_heartbeat() or 0.0) > started or not worker.running(), "the worker works")
        assert worker.running(), worker.log.read_text()
        yield worker


@pytest.fixture
def dispatcher(home: Home) -> Iterator[Dispatcher]:
    dispatcher = Dispatcher(home.settings)
    yield dispatcher
    dispatcher.close()


def is_final(home: Home, job_id: str) -> bool:
    return home.job(job_id).is_final


def wait_final(home: Home, job_id: str) -> str:
    """Wait until a job ends and return its state."""
    wait_for(lambda: is_final(home, job_id), f"the job ends; it is {home.job(job_id)}")
    return home.state(job_id)


def working_child(worker: WorkerProcess) -> psutil.Process:
    """The process in which tasks run."""
    (child,) = [child for child in psutil.Process(worker.pid).children() if "workers" in " ".join(child.cmdline())]
    return child


def loaded_libraries(process: psutil.Process) -> set[str]:
    """Names of the inference libraries that a process has mapped."""
    maps = {Path(entry.path).name for entry in process.memory_maps()}
    return {library for library in ("openvino", "onnxruntime", "moonshine") if any(library in name for name in maps)}


def tiles_video(segments: list[tuple[float, float]], seconds: float) -> bool:
    """Whether the segments tile a video."""
    starts, ends = [start for start, _ in segments], [end for _, end in segments]
    return starts[0] == 0.0 and starts[1:] == ends[:-1] and abs(ends[-1] - seconds) < 0.5


def test_worker_process_encodes_image_audio_and_video_and_fails_only_the_broken_file(home: Home, dispatcher: Dispatcher) -> None:
    files = {"a.png": media.image(1), "b.wav": SPEECH.read_bytes(), "c.mp4": create_video(13.0)}
    with run_worker(home) as worker:
        broken = home.add(b"no media at all, " * 50, "broken.mp4", unprobed=True)
        jobs = {name: home.add(data, name) for name, data in files.items()}
        dispatcher.dispatch(1 + len(jobs))
        child = working_child(worker).pid
        assert wait_final(home, broken) == "failed"
        assert "broken.mp4" in str(home.job(broken).error)
        assert {name: wait_final(home, job_id) for name, job_id in jobs.items()} == dict.fromkeys(files, "done")
        assert tiles_video(home.segments(jobs["c.mp4"]), 13.0)
        counts = home.store.catalog.count_rows()
        assert counts.segments == sum(len(home.segments(job_id)) for job_id in jobs.values())

        main = psutil.Process(worker.pid)
        assert working_child(worker).pid == child, "one process encoded all files"
        assert loaded_libraries(working_child(worker)), "the towers are loaded after the fork"
        assert not loaded_libraries(main)
        assert sum(process.memory_full_info().pss for process in [main, *main.children(recursive=True)]) < ALL_PROCESSES_BYTES
        assert worker.terminate() == 0


def test_worker_processes_share_the_chunks_of_a_video(home: Home, dispatcher: Dispatcher) -> None:
    short_chunks = replace(home, settings=home.settings.model_copy(update={"chunk_seconds": 8.0}))
    job_id = home.add(create_video(LONG), "shared.mp4")
    logs = home.settings.root.parent
    with run_worker(short_chunks, logs / "one.log"), run_worker(short_chunks, logs / "other.log"):
        for _ in range(3):
            dispatcher.dispatch()
        assert wait_final(home, job_id) == "done"
    chunks = home.store.catalog.list_chunks(job_id)
    assert len(chunks) >= 6
    assert {chunk.attempts for chunk in chunks} == {1}
    segments = home.segments(job_id)
    assert tiles_video(segments, LONG)
    assert home.store.catalog.count_rows().segments == len(segments)


def test_worker_process_killed_while_encoding_is_replaced_by_another(
    home: Home, dispatcher: Dispatcher, context: WorkerContext
) -> None:
    job_id = home.add(create_video(LONG), "long.mp4")
    with run_worker(home) as worker:
        dispatcher.dispatch()
        wait_for(lambda: home.encoding(job_id), "it encodes")
        worker.kill()
    assert home.state(job_id) == "running"
    assert not any(chunk.done and chunk.index == 1 for chunk in home.store.catalog.list_chunks(job_id))
    with run_worker(home):
        assert wait_final(home, job_id) == "done"
    chunks = home.store.catalog.list_chunks(job_id)
    assert max(chunk.attempts for chunk in chunks) == 2, "the lost attempt is counted"
    segments = home.segments(job_id)
    assert tiles_video(segments, LONG)
    assert home.store.catalog.count_rows().segments == len(segments)


def test_worker_process_file_that_kills_it_is_quarantined_and_the_worker_continues(home: Home, dispatcher: Dispatcher) -> None:
    job_id = home.add(create_video(LONG), "deadly.mp4")
    with run_worker(home) as worker:
        dispatcher.dispatch()
        for attempt in range(1, 1 + home.settings.max_attempts):
            wait_for(lambda at=attempt: attempts(home, job_id) == at, f"attempt {attempt}")  # type: ignore[misc]
            working_child(worker).send_signal(signal.SIGKILL)
        assert wait_final(home, job_id) == "quarantined"
        job = home.job(job_id)
        assert "lost" in str(job.error)
        assert "2 attempts" in str(job.error)
        item = home.store.catalog.get_item(job.item_id)
        assert item is not None
        assert (item.status, item.error) == ("quarantined", job.error)
        assert home.store.catalog.count_rows().segments == 0

        next_job = home.add(media.image(1), "a.png")
        dispatcher.dispatch()
        assert wait_final(home, next_job) == "done"
        assert worker.running()


def attempts(home: Home, job_id: str) -> int:
    """Maximum attempts of a chunk of the job."""
    return max((chunk.attempts for chunk in home.store.catalog.list_chunks(job_id)), default=0)


def test_worker_process_continues_after_lost_messages_and_broker_restarts(home: Home, dispatcher: Dispatcher) -> None:
    lost = home.add(media.image(1), "lost.png")
    dispatcher.dispatch()
    home.broker.empty()
    with run_worker(home) as worker:
        assert wait_final(home, lost) == "done"

        home.broker.stop()
        away = home.add(create_video(13.0), "away.mp4")
        time.sleep(1.0)
        assert home.state(away) == "queued"
        home.broker.start()
        assert wait_final(home, away) == "done"

        running = home.add(create_video(LONG), "long.mp4")
        dispatcher.dispatch()
        wait_for(lambda: home.encoding(running), "it encodes")
        home.broker.stop()
        home.broker.start()
        home.broker.empty()
        assert wait_final(home, running) == "done"
        assert max(chunk.attempts for chunk in home.store.catalog.list_chunks(running)) == 1
        assert tiles_video(home.segments(running), LONG)
        assert worker.running()


def test_worker_process_continues_after_a_failed_acknowledgement(home: Home, dispatcher: Dispatcher) -> None:
    job_id = home.add(create_video(13.0), "a.mp4")
    with run_worker(home) as worker:
        dispatcher.dispatch()
        wait_for(lambda: home.encoding(job_id), "it encodes")
        os.kill(worker.pid, signal.SIGSTOP)  # so that it reads the end of its task before the end of its connection
        wait_for(lambda: any(chunk.done for chunk in home.store.catalog.list_chunks(job_id)), "a chunk is done")
        wait_for(lambda: working_child(worker).status() == psutil.STATUS_SLEEPING, "it has reported the end of the task")
        home.broker.stop()
        os.kill(worker.pid, signal.SIGCONT)
        wait_for(lambda: "Couldn't ack" in worker.log.read_text(), "its chunk is done and cannot be acknowledged")
        home.broker.start()
        child = working_child(worker).pid
        assert wait_final(home, job_id) == "done"
        assert working_child(worker).pid == child, "it recovers without being terminated as stalled"
    assert max(chunk.attempts for chunk in home.store.catalog.list_chunks(job_id)) == 1


def test_worker_process_that_receives_no_messages_terminates_and_the_next_worker_continues(
    home: Home, dispatcher: Dispatcher
) -> None:
    with run_worker(home) as worker:
        os.kill(worker.pid, signal.SIGSTOP)  # it runs and receives nothing
        job_id = home.add(media.image(1), "a.png")
        dispatcher.dispatch()
        wait_for(lambda: not worker.running(), "it is terminated")
        assert "this worker receives no messages" in worker.log.read_text()
    with run_worker(home):
        assert wait_final(home, job_id) == "done"


def test_worker_process_sigterm_releases_the_chunk(home: Home, dispatcher: Dispatcher, context: WorkerContext) -> None:
    job_id = home.add(create_video(LONG), "long.mp4")
    with run_worker(home) as worker:
        dispatcher.dispatch()
        wait_for(lambda: home.encoding(job_id), "it encodes")
        assert worker.terminate() == 0
    assert home.state(job_id) == "running"
    chunks = home.store.catalog.list_chunks(job_id)
    assert all(chunk.attempts == int(chunk.done) for chunk in chunks), "no attempt is counted"
    assert not all(chunk.done for chunk in chunks)
    assert dispatcher.count_waiting() >= 1
    work(context, job_id)
    assert home.state(job_id) == "done"
    assert tiles_video(home.segments(job_id), LONG)


def test_worker_process_without_broker_url_prints_one_error(home: Home) -> None:
    log = home.settings.root.parent / "worker.log"
    settings = home.settings.model_copy(update={"broker_url": ""})
    with WorkerProcess(settings, log) as worker:
        wait_for(lambda: not worker.running(), "it ends")
    assert "MM_BROKER_URL" in log.read_text()
    assert "Traceback" not in log.read_text()
