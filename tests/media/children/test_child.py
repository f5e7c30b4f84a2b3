"""Decoding children that die, stall or misbehave: one request fails, with the right reason."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from PIL import Image

from mm.errors import MediaError, TooLarge
from mm.media import MediaReader
from mm.media.types import Limits, Span
from tests.media.children.processes import children, new_child, pids, wait_until
from tests.media_files import Track, number_of, steady, write

if TYPE_CHECKING:
    from collections.abc import Iterator

END = Span(0.0, 8.0)


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (signal.SIGSEGV, "crashed"),
        (signal.SIGABRT, "crashed"),
        (signal.SIGBUS, "crashed"),
        (signal.SIGKILL, "out-of-memory"),
        (signal.SIGXCPU, "timeout"),
    ],
)
def test_child_that_dies_within_a_response_raises_with_its_reason(
    own: MediaReader, video: Path, ending: signal.Signals, reason: str
) -> None:
    child = new_child(own, video)
    frames = own.frames(video, "video.mp4", END, 1000.0)
    next(frames)
    child.send_signal(ending)
    with pytest.raises(MediaError, match=r"video\.mp4") as raised:
        list(frames)
    assert raised.value.reason == reason
    assert own.probe(video, "video.mp4").kind == "video"
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_child_that_dies_between_two_requests_is_replaced(own: MediaReader, video: Path) -> None:
    child = new_child(own, video)
    child.kill()
    wait_until(lambda: child.status() == psutil.STATUS_ZOMBIE)  # the fork server waits for it only on a status request
    assert own.probe(video, "video.mp4").kind == "video"


def test_probe_is_repeated_when_the_system_kills_its_child(own: MediaReader, video: Path) -> None:
    child = new_child(own, video)
    child.suspend()
    with ThreadPoolExecutor(1) as pool:
        info = pool.submit(own.probe, video, "video.mp4")
        time.sleep(0.3)
        assert not info.done(), "it waits for the suspended child"
        child.kill()
        assert info.result(60).kind == "video"


@pytest.mark.parametrize("own", [Limits(silent_seconds=0.5)], indirect=True)
def test_stalled_child_raises_timeout_and_is_replaced(own: MediaReader, video: Path) -> None:
    child = new_child(own, video)
    frames = own.frames(video, "video.mp4", END, 1000.0)
    next(frames)
    child.suspend()
    with pytest.raises(MediaError, match="sent nothing for") as raised:
        list(frames)
    assert raised.value.reason == "timeout"
    assert number_of(own.frame_at(video, "video.mp4", 1.0)) == 25


@pytest.mark.parametrize("own", [Limits(silent_seconds=0.5)], indirect=True)
def test_slow_consumer_of_frames_does_not_time_out(own: MediaReader, video: Path) -> None:
    frames = own.frames(video, "video.mp4", END, 1000.0)
    next(frames)
    time.sleep(1.2)
    assert number_of(list(frames)[-1].image) == 199


@pytest.mark.parametrize("own", [Limits(memory_bytes=100 << 20)], indirect=True)
def test_image_over_the_memory_limit_raises_too_large(own: MediaReader, tmp_path: Path) -> None:
    Image.new("RGB", (9000, 9000)).save(tmp_path / "bomb.png")
    for call in (own.probe, own.image):
        with pytest.raises(TooLarge, match=r"bomb\.png.*MM_SANDBOX_MEMORY"):
            call(tmp_path / "bomb.png", "bomb.png")
    Image.new("RGB", (90, 90)).save(tmp_path / "small.png")
    assert own.image(tmp_path / "small.png", "small.png").shape == (90, 90, 3)


@pytest.mark.parametrize("own", [Limits(cpu_seconds=1, output_bytes=1 << 40)], indirect=True)
def test_video_over_the_processor_time_limit_raises_timeout(own: MediaReader, tmp_path: Path) -> None:
    times = [Fraction(0), Fraction(14_000)]  # one frame shown for hours: a small file, and endless work
    path = write(tmp_path / "slow.mp4", Track(times, width=1920, height=1080, rate=Fraction(25)))
    with pytest.raises(MediaError, match=r"slow\.mp4.*processor time") as raised:
        deque(own.frames(path, "slow.mp4", Span(0, 14_000), 2.0), maxlen=0)
    assert raised.value.reason == "timeout"
    assert own.probe(path, "slow.mp4").kind == "video"


@pytest.mark.parametrize("own", [Limits(requests=3)], indirect=True)
def test_child_is_replaced_after_its_limit_of_requests(own: MediaReader, video: Path) -> None:
    before, used = pids(), set()
    for _ in range(7):
        own.probe(video, "video.mp4")
        used |= pids() - before
    assert len(used - pids()) == 2


def test_child_survives_an_error_about_another_file(own: MediaReader, video: Path, tmp_path: Path) -> None:
    child = new_child(own, video)
    (tmp_path / "broken.mp4").write_bytes(video.read_bytes()[:5000])
    with pytest.raises(MediaError):
        own.probe(tmp_path / "broken.mp4", "broken.mp4")
    own.probe(video, "video.mp4")
    assert child.is_running()


def test_frames_iterator_closed_early_leaves_the_reader_usable(own: MediaReader, video: Path) -> None:
    for _ in range(4):
        frames = own.frames(video, "video.mp4", END, 1000.0)
        assert number_of(next(frames).image) == 0
        frames.close()
    assert number_of(own.frame_at(video, "video.mp4", 4.0)) == 100


def test_frames_iterator_never_started_occupies_no_child(own: MediaReader, video: Path) -> None:
    for _ in range(10):
        own.frames(video, "video.mp4", END, 2.0)
    assert own.probe(video, "video.mp4").kind == "video"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the child ends at its next response")
def test_children_die_with_their_parent(video: Path) -> None:
    script = """
import os, sys, time
from pathlib import Path
from mm.media import MediaReader
from mm.media.types import Span
reader = MediaReader()
frames = reader.frames(Path(sys.argv[1]), "video.mp4", Span(0, 8), 1000.0)
next(frames)
print("started", flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(video)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    assert parent.stdout is not None
    with parent.stdout:
        assert parent.stdout.readline() == b"started\n"
        (child,) = children(parent.pid)
        parent.kill()
        parent.wait()
    gone, alive = psutil.wait_procs([child], timeout=300)
    assert gone
    assert not alive


def test_child_inherits_no_settings_and_no_open_files(
    own: MediaReader, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MM_DATABASE_URL", "postgresql://user:secret@host/db")
    secret = tmp_path / "secret.txt"  # not the video, which the child received and closes after the response
    with secret.open("w") as file:
        os.set_inheritable(file.fileno(), True)
        child = new_child(own, video)
        assert not any(name.startswith("MM_") for name in child.environ())
        assert secret not in {Path(opened.path) for opened in child.open_files()}


def test_child_has_limits_on_files_core_dumps_and_memory(own: MediaReader, video: Path) -> None:
    child = new_child(own, video)
    assert child.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
    assert child.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert child.rlimit(psutil.RLIMIT_AS)[0] < 4 << 30


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [({"what": "frame"}, bytearray())],
        [({"what": "frame", "time": "x", "cut": 0, "cut_time": 0, "shape": [1, 1, 3]}, bytearray(3))],
        [({"what": "frame", "time": 0, "cut": 0, "cut_time": 0, "shape": [2**40, 2**40, 3]}, bytearray(3))],
        [({"what": "frame", "time": 0, "cut": 0, "cut_time": 0, "shape": None}, bytearray(3))],
        [({"what": "info", "kind": "video"}, bytearray())],
        [({"what": "times", "times": [[]]}, bytearray())],
        [({"what": "sound"}, bytearray(b"abc"))],
        [({"what": "sound"}, bytearray(4 * 100_000))],
    ],
    ids=str,
)
def test_malformed_response_of_a_child_raises_crashed(
    own: MediaReader, video: Path, monkeypatch: pytest.MonkeyPatch, messages: list[tuple[dict[str, object], bytearray]]
) -> None:
    def request(*_: object) -> Iterator[tuple[dict[str, object], bytearray]]:
        yield from messages

    own.probe(video, "video.mp4")
    monkeypatch.setattr("mm.media.children.process.DecodingChild.request", request)
    calls = {
        "frame": lambda: list(own.frames(video, "video.mp4", END, 2.0)),
        "times": lambda: own.keyframes(video, "video.mp4"),
        "sound": lambda: own.waveform(video, "video.mp4", Span(0, 1)),
    }
    with pytest.raises(MediaError, match=r"video\.mp4.*crashed"):
        calls.get(str(messages[0][0]["what"]) if messages else "", lambda: own.probe(video, "video.mp4"))()


def test_child_releases_frames_between_requests(own: MediaReader, tmp_path: Path) -> None:
    """Frames are part of a reference cycle of few objects, which Python collects late by itself."""
    video = write(tmp_path / "video.mp4", Track(steady(25, 100), options={"preset": "ultrafast"}, width=960, height=544))
    child = new_child(own, video)

    def read(times: int) -> int:
        for _ in range(times):
            assert list(own.frames(video, "video.mp4", Span(0.0, 4.0), 2.0, 320))
        return int(child.memory_info().rss)

    before = read(2)
    assert read(6) - before < 40 << 20
