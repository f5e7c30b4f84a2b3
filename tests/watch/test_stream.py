"""A live stream: chunks, gaps, what a kill leaves, uploads, and deletion by age and size."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.bench.watch.camera import CameraServer, encode
from mm.errors import Conflict, NotFound
from mm.line.sources.rtsp.packets import START_CODE, AccessUnit
from mm.line.sources.rtsp.units import CameraUnits, ConnectionEnd, LiveUnit
from mm.media import MediaReader
from mm.media.types import Span
from mm.schemas import Item
from mm.watch.jobs import JobFollower
from mm.watch.stream.recorder import FULL, LOST, NOT_RUNNING, Recorder
from mm.watch.stream.ring import Retention, Ring
from mm.watch.stream.sender import ChunkSender
from mm.watch.stream.spool import list_chunks, measure_chunk, read_frames, write_chunk
from mm.watch.stream.state import SentChunk, StreamState
from tests.client import documents
from tests.media_files import number_of, numbered
from tests.waiting import join_thread, wait_for
from tests.watch.library import Library

NUM_FRAMES, KEY_INTERVAL, FPS = 60, 10, 30
START = 1_700_000_000.0


@pytest.fixture(scope="module")
def frames() -> list[list[bytes]]:
    return encode([numbered(number) for number in range(NUM_FRAMES)], KEY_INTERVAL)


class Camera:
    """Plays items without a network."""

    def __init__(self, items: list[LiveUnit | ConnectionEnd]) -> None:
        self._items = items

    def items(self, stop: threading.Event) -> Iterator[LiveUnit | ConnectionEnd]:
        yield from self._items


def live(frames: list[list[bytes]], number: int, arrival: float | None = None, ticks: int | None = None) -> LiveUnit:
    data = b"".join(START_CODE + unit for unit in frames[number])
    timestamp = (0xFFFF_0000 + 3000 * number if ticks is None else ticks) & 0xFFFFFFFF  # wraps after 21 frames
    unit = AccessUnit(data, number % KEY_INTERVAL == 0, timestamp)
    return LiveUnit(START + number / FPS if arrival is None else arrival, unit, "h264", b"")


def record(folder: Path, items: list[LiveUnit | ConnectionEnd], **options: float) -> Library:
    library = Library()
    with StreamState(folder) as state:
        recorder = Recorder("porch", Camera(items), state, library.events.append, 1.0, **options)  # type: ignore[arg-type]
        recorder.run(threading.Event())
    return library


def chunk_numbers(folder: Path, name: str = "a.mp4") -> list[list[int]]:
    """The numbers that the frames of each chunk show, decoded in the sandbox."""
    found = []
    from datetime import UTC, datetime

    with MediaReader() as reader:
        for path in list_chunks(folder):
            write_chunk(path, folder / name, datetime.fromtimestamp(START, UTC), name)
            decoded = reader.frames(folder / name, name, Span(0.0, 100.0), 30.0, None)
            found.append([number_of(frame.image) for frame in decoded])
    return found


def test_recorder_cuts_at_key_frames_and_loses_no_frame(tmp_path: Path, frames: list[list[bytes]]) -> None:
    library = record(tmp_path, [live(frames, number) for number in range(NUM_FRAMES)])
    assert library.events == []
    infos = [measure_chunk(path) for path in list_chunks(tmp_path)]
    assert [info.num_frames for info in infos] == [20, 20, 20]
    assert [round((info.start - START) * FPS) for info in infos] == [0, 20, 40]
    assert [round((info.end - START) * FPS) for info in infos] == [20, 40, 60]
    assert list(chain.from_iterable(chunk_numbers(tmp_path))) == list(range(NUM_FRAMES))


def test_recorder_interruption_ends_the_chunk_and_is_a_gap(tmp_path: Path, frames: list[list[bytes]]) -> None:
    items: list[LiveUnit | ConnectionEnd] = [live(frames, number) for number in range(15)]
    items += [ConnectionEnd(START + 1, "The camera closed the connection.")] * 3
    items += [live(frames, number, START + 10 + number / FPS) for number in range(18, 40)]
    library = record(tmp_path, items)
    assert [info.num_frames for info in map(measure_chunk, list_chunks(tmp_path))] == [15, 20]
    with StreamState(tmp_path) as state:
        (gap,) = state.gaps()
    assert (gap.start, gap.end) == (START + 14 / FPS, START + 10 + 20 / FPS)
    assert gap.reason == "The camera closed the connection."
    assert library.kinds() == ["lost", "gap"]


def test_recorder_lost_frames_begin_another_chunk(tmp_path: Path, frames: list[list[bytes]]) -> None:
    later = [live(frames, number, START + 5 + number / FPS, 0xFFFF_0000 + 3000 * (number + 150)) for number in range(10, 20)]
    record(tmp_path, [*(live(frames, number) for number in range(8)), *later])
    with StreamState(tmp_path) as state:
        assert [gap.reason for gap in state.gaps()] == [LOST]
    assert [info.num_frames for info in map(measure_chunk, list_chunks(tmp_path))] == [8, 10]


def test_recorder_camera_clock_that_is_set_keeps_the_time_of_arrival(tmp_path: Path, frames: list[list[bytes]]) -> None:
    later = [live(frames, number, ticks=(1 << 30) + 3000 * number) for number in range(5, 10)]
    record(tmp_path, [*(live(frames, number) for number in range(5)), *later])
    (path,) = list_chunks(tmp_path)
    ticks = [frame.ticks for frame in read_frames(path)]
    steps = [after - before for before, after in pairwise(ticks)]
    assert all(abs(step - 3000) <= 1 for step in steps)


def test_recorder_changed_format_begins_another_chunk(tmp_path: Path, frames: list[list[bytes]]) -> None:
    wider = encode([numbered(number)[:64] for number in range(20)], KEY_INTERVAL)
    record(tmp_path, [*(live(frames, number) for number in range(10)), *(live(wider, number) for number in range(10, 20))])
    assert [info.num_frames for info in map(measure_chunk, list_chunks(tmp_path))] == [10, 10]


def test_recorder_restart_records_the_time_between_as_a_gap(tmp_path: Path, frames: list[list[bytes]]) -> None:
    record(tmp_path, [live(frames, number) for number in range(10)])
    library = record(tmp_path, [live(frames, number, START + 100) for number in range(10)])
    with StreamState(tmp_path) as state:
        (gap,) = state.gaps()
    assert gap.reason == NOT_RUNNING
    assert gap.end == START + 100
    assert [path.stem for path in list_chunks(tmp_path)] == ["00000001", "00000002"]
    assert "not running" in library.events[0].detail


def test_recorder_full_spool_pauses_and_deletes_nothing(tmp_path: Path, frames: list[list[bytes]]) -> None:
    library = record(tmp_path, [live(frames, number) for number in range(NUM_FRAMES)], spool_bytes=1)
    assert [info.num_frames for info in map(measure_chunk, list_chunks(tmp_path))] == [20]
    assert [(event.kind, event.detail) for event in library.events] == [("lost", FULL)]


def test_camera_units_over_rtsp_are_recorded_across_a_drop(tmp_path: Path, frames: list[list[bytes]]) -> None:
    stop, library = threading.Event(), Library()
    with CameraServer(frames, drop_after=[25]) as server, StreamState(tmp_path) as state:
        camera = CameraUnits(server.url())
        recorder = Recorder("porch", camera, state, library.events.append, 1.0)
        thread = threading.Thread(target=recorder.run, args=(stop,), daemon=True)
        thread.start()
        wait_for(lambda: server.position == NUM_FRAMES and "lost" in library.kinds()[2:], "the end of the stream")
        stop.set()
        join_thread(thread)
        assert "se" + "cret" not in str(library.events)
        assert "password" not in camera.key + camera.name
        assert len(state.gaps()) == 1
    numbers = list(chain.from_iterable(chunk_numbers(tmp_path)))
    assert numbers == [*range(25), *range(30, 60)]  # frames 25 to 29 need frame 20


def test_camera_units_stop_while_the_camera_is_silent_ends(frames: list[list[bytes]]) -> None:
    stop = threading.Event()
    with CameraServer(frames, is_silent=True) as server:
        thread = threading.Thread(target=lambda: list(CameraUnits(server.url()).items(stop)))
        thread.start()
        wait_for(lambda: "PLAY" in server.requests, "the session")
        stop.set()
        join_thread(thread)


def test_sender_uploads_each_chunk_with_name_and_time_and_removes_it(tmp_path: Path, frames: list[list[bytes]]) -> None:
    library = record(tmp_path, [live(frames, number) for number in range(NUM_FRAMES)])
    library.num_unavailable = 1
    stop = threading.Event()
    with StreamState(tmp_path) as state:
        jobs = JobFollower(library.job, library.events.append)
        sender = ChunkSender("porch", state, library.send, jobs, None, library.events.append)
        thread = threading.Thread(target=sender.run, args=(stop,), daemon=True)
        thread.start()
        wait_for(lambda: library.kinds().count("uploaded") == 3, "three uploads")
        stop.set()
        join_thread(thread)
        assert [chunk.name for chunk in state.chunks()] == library.sent
        assert all(name.startswith("porch 2023-11-14 ") or name.startswith("porch 2023-11-15 ") for name in library.sent)
        assert [round(chunk.end - chunk.start, 3) for chunk in state.chunks()] == [0.667] * 3
    assert library.kinds()[0] == "unavailable"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal.jsonl", "lock"]


def test_sender_chunk_that_is_refused_stays_on_the_disk(tmp_path: Path, frames: list[list[bytes]]) -> None:
    library = record(tmp_path, [live(frames, number) for number in range(10)])
    chunk = list_chunks(tmp_path)[0]
    chunk.write_bytes(chunk.read_bytes().replace(b'"parameter_sets": ["67', b'"parameter_sets": ["68'))
    with StreamState(tmp_path) as state:
        jobs = JobFollower(library.job, library.events.append)
        ChunkSender("porch", state, library.send, jobs, None, library.events.append).send_waiting()
    assert library.kinds() == ["refused"]
    assert (tmp_path / "00000001.refused").exists()
    record(tmp_path, [live(frames, number, START + 50) for number in range(10)])
    assert [path.stem for path in list_chunks(tmp_path)] == ["00000002"]


def test_stream_killed_repeatedly_loses_no_frame_on_the_disk_and_doubles_no_chunk(
    tmp_path: Path, frames: list[list[bytes]]
) -> None:
    sent: list[str] = []
    with CameraServer(frames, frame_seconds=0.01, frame_ticks=900, is_endless=True) as server:
        command = [sys.executable, "-m", "tests.watch.stream_process", server.url(), str(tmp_path)]
        for _ in range(3):
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                sent += [process.stdout.readline().strip() for _ in range(2)]
                time.sleep(0.05)
                process.kill()
    library = Library()
    with StreamState(tmp_path) as state:
        Recorder("porch", Camera([]), state, library.events.append)  # completes what the kill left
        jobs = JobFollower(library.job, library.events.append)
        ChunkSender("porch", state, library.send, jobs, None, library.events.append).send_waiting()
        chunks, gaps = state.chunks(), state.gaps()
    numbers = [chunk.number for chunk in chunks]
    assert numbers == list(range(1, len(numbers) + 1))
    assert set(sent) <= {chunk.name for chunk in chunks}
    assert [gap.reason for gap in gaps if gap.reason == NOT_RUNNING] == [NOT_RUNNING] * 2
    times = sorted([(chunk.start, chunk.end) for chunk in chunks] + [(gap.start, gap.end) for gap in gaps])
    assert all(after[0] - before[1] < 2.0 for before, after in pairwise(times))


def make_chunk(number: int, num_bytes: int = 10) -> SentChunk:
    return SentChunk(number, f"porch {number}.mp4", START + number, START + number + 1, num_bytes, f"item{number}")


@given(st.lists(st.integers(1, 50), max_size=12), st.none() | st.integers(0, 15), st.none() | st.integers(1, 200))
def test_retention_deletes_the_fewest_oldest_chunks_that_satisfy_it(
    sizes: list[int], seconds: int | None, num_bytes: int | None
) -> None:
    chunks = [make_chunk(number, size) for number, size in enumerate(sizes)]
    expired = Retention(None if seconds is None else float(seconds), num_bytes).expired(chunks, START + len(sizes))
    assert expired == chunks[: len(expired)]
    kept = chunks[len(expired) :]
    if seconds is not None:
        assert all(START + len(sizes) - chunk.end <= seconds for chunk in kept)
    if num_bytes is not None and len(kept) > 1:
        assert sum(chunk.num_bytes for chunk in kept) <= num_bytes
    if expired:  # the last of them had to go
        last = expired[-1]
        is_old = seconds is not None and START + len(sizes) - last.end > seconds
        is_over = num_bytes is not None and sum(chunk.num_bytes for chunk in [last, *kept]) > num_bytes
        assert is_old or is_over
    if seconds is None and num_bytes is None:
        assert not expired


def test_ring_deletes_its_own_unchanged_chunks_only(tmp_path: Path) -> None:
    library = Library()
    tags = {number: ["stream:porch"] for number in range(1, 6)}
    names = {number: f"porch {number}.mp4" for number in range(1, 6)}
    tags[2], names[3] = ["stream:porch", "burglar"], "evidence.mp4"
    deleted: list[str] = []

    def get(item: str) -> Item:
        number = int(item[-1])
        if number == 4:
            raise NotFound("There is no such item.")
        return Item.model_validate(documents.item(id=item, name=names[number], tags=tags[number]))

    with StreamState(tmp_path) as state:
        for number in range(1, 6):
            state.add_sent(make_chunk(number))
        ring = Ring(Retention(seconds=0.5), state, ["stream:porch"], get, deleted.append, library.events.append)
        ring.apply(START + 6)
        assert deleted == ["item1"]
        assert [(event.kind, event.item) for event in library.events] == [
            ("deleted", "item1"), ("kept", "item2"), ("kept", "item3"),
        ]  # fmt: skip
        assert [chunk.number for chunk in state.chunks()] == [5]
    with StreamState(tmp_path) as state:
        Ring(Retention(seconds=0.5), state, ["stream:porch"], get, deleted.append, library.events.append).apply(START + 6)
        assert deleted == ["item1"]
        with pytest.raises(Conflict):
            StreamState(tmp_path)
