"""Delay from the end of a chunk of a live stream until a search finds it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING

from mm.bench.ingest.video import FPS, generate_frames
from mm.bench.meter import Meter
from mm.bench.temporary_home import temporary_home
from mm.bench.watch.camera import CameraServer, encode
from mm.client import Client
from mm.embedded.connect import print_status
from mm.embedded.supervisor import Supervisor
from mm.errors import Unavailable
from mm.line.sources.rtsp.units import CameraUnits
from mm.schemas import Filters
from mm.watch.jobs import JobFollower
from mm.watch.stream.recorder import Recorder
from mm.watch.stream.sender import ChunkSender
from mm.watch.stream.state import SentChunk, StreamState
from mm.watch.types import WatchEvent

if TYPE_CHECKING:
    from pathlib import Path

    from mm.bench.ingest.video import Size
    from mm.schemas import Upload

LOOP_SECONDS = 20.0
STEP = 2  # of 30 frames a second, as a camera with 15
KEY_SECONDS = 2
QP = 26
POLL_SECONDS = 0.2
TAG, QUERY = "stream:bench", "a photo"
LIMIT_SECONDS = 600.0  # of the wait for one chunk


@dataclass(frozen=True)
class WatchReport:
    """Delays of the chunks of one run."""

    width: int
    height: int
    chunk_seconds: float
    delays: tuple[float, ...]  # seconds from the arrival of the last frame of a chunk to the search that finds it
    megabytes: tuple[float, ...]
    num_lost: int  # frames
    num_gaps: int
    cores: float  # processor seconds per second of all processes: camera, recorder and service

    def lines(self) -> Iterator[str]:
        """The report as text."""
        yield f"{self.width} x {self.height}, {FPS // STEP} frames per second, chunks of {self.chunk_seconds:g} s"
        yield "chunk\tMB\tsearchable s after its end"
        for number, (size, delay) in enumerate(zip(self.megabytes, self.delays, strict=True), 1):
            yield f"{number}\t{size:.1f}\t{delay:.1f}"
        yield f"median {median(self.delays):.1f} s, largest {max(self.delays):.1f} s"
        yield f"frames lost {self.num_lost}, gaps {self.num_gaps}, cores in use {self.cores:.2f}"


def measure(size: Size, chunk_seconds: float, num_chunks: int) -> WatchReport:
    """Record `num_chunks` in real time. Raises the errors of the service."""
    print_status(f"encoding {LOOP_SECONDS:g} s of video")
    images = islice(generate_frames(LOOP_SECONDS, size), 0, None, STEP)
    frames = encode(images, KEY_SECONDS * FPS // STEP, QP)
    camera = CameraServer(frames, STEP / FPS, STEP * 90_000 // FPS, is_endless=True)
    with (
        temporary_home() as settings,
        Supervisor(settings, on_warning=print_status) as supervisor,
        Client(supervisor.url) as client,
        StreamState(settings.root / "watch" / "bench") as state,
    ):
        supervisor.wait_ready()
        with Meter(memory=False) as meter, camera as server:
            source = CameraUnits(server.url())
            delays = _record(source, state, client, chunk_seconds, num_chunks)
        return WatchReport(
            *size,
            chunk_seconds,
            tuple(delays),
            tuple(chunk.num_bytes / 1e6 for chunk in state.chunks()[:num_chunks]),
            source.num_lost,
            len(state.gaps()),
            meter.cpu / meter.seconds,
        )


def _record(source: CameraUnits, state: StreamState, client: Client, chunk_seconds: float, num_chunks: int) -> list[float]:
    stop = threading.Event()

    def send(path: Path) -> Upload:
        return client.add(path, tags=[TAG])

    def report(event: WatchEvent) -> None:
        print_status(f"{event.kind} {event.path} {event.detail}")

    recorder = Recorder("bench", source, state, report, chunk_seconds)
    sender = ChunkSender("bench", state, send, JobFollower(client.job, report), None, report)
    threads = [threading.Thread(target=work, args=(stop,)) for work in (recorder.run, sender.run)]
    for thread in threads:
        thread.start()
    try:
        return [_wait_until_found(client, state, number, chunk_seconds) for number in range(num_chunks)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _wait_until_found(client: Client, state: StreamState, number: int, chunk_seconds: float) -> float:
    """Seconds from the end of a chunk until a search has a hit in it."""
    chunk = _poll(lambda: state.chunks()[number] if len(state.chunks()) > number else None, chunk_seconds + LIMIT_SECONDS)
    filters = Filters(tags=[TAG])

    def find() -> SentChunk | None:
        hits = client.search(QUERY, k=100, filters=filters, floor=0.0, fold=False).hits
        return chunk if any(hit.item.id == chunk.item for hit in hits) else None

    _poll(find, LIMIT_SECONDS)
    delay = time.time() - chunk.end
    print_status(f"chunk {number + 1}: searchable {delay:.1f} s after its end")
    return delay


def _poll(check: Callable[[], SentChunk | None], seconds: float) -> SentChunk:
    end = time.monotonic() + seconds
    while (found := check()) is None:
        if time.monotonic() > end:
            raise Unavailable(f"No chunk could be searched within {seconds:.0f} s.")
        time.sleep(POLL_SECONDS)
    return found
