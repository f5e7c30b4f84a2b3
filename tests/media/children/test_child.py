"""What happens to a decoding child happens to one request only, and under its right name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from PIL import Image

from mm.errors import MediaError, TooLarge, Unavailable
from mm.media import MediaReader
from mm.media.types import Limits, Span
from mm.settings import Settings
from tests.media_files import Clicks, Track, number_of, steady, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LARGE = Track(steady(25, 200), options={"preset": "ultrafast", "g": "50"}, width=320, height=192)
END = Span(0.0, 8.0)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film whose frames do not fit into a pipe all at once."""
    return write(tmp_path_factory.mktemp("film") / "film.mp4", LARGE, Clicks([1.0, 7.0], 8.0))


@pytest.fixture
def own(request: pytest.FixtureRequest) -> Iterator[MediaReader]:
    with MediaReader(getattr(request, "param", None)) as reader:
        yield reader


def children(of: int | None = None) -> list[psutil.Process]:
    """Decoding children that a process had forked and that live, the oldest first."""
    found = []
    for server in psutil.Process(of).children():
        with suppress(psutil.NoSuchProcess):
            if "mm.media.children.fork_server" in server.cmdline():
                found += [child for child in server.children() if lives(child)]
    return sorted(found, key=lambda child: child.create_time())


def lives(process: psutil.Process) -> bool:
    """Neither gone nor waiting to be waited for."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def pids() -> set[int]:
    """Of all decoding children of this process: those of other readers may end at any time, when
    they have waited long enough."""
    return {child.pid for child in children()}


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Until something has happened that is bound to happen."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it has not happened"
        time.sleep(0.01)


def new_child(reader: MediaReader, film: Path) -> psutil.Process:
    before = {child.pid for child in children()}
    reader.probe(film, "film.mp4")
    (child,) = (child for child in children() if child.pid not in before)
    return child


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
def test_a_child_that_dies_in_the_middle(own: MediaReader, film: Path, ending: signal.Signals, reason: str) -> None:
    child = new_child(own, film)
    frames = own.frames(film, "film.mp4", END, 1000.0)
    next(frames)
    child.send_signal(ending)
    with pytest.raises(MediaError, match=r"film\.mp4") as raised:
        list(frames)
    assert raised.value.reason == reason
    assert own.probe(film, "film.mp4").kind == "video"
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_child_that_dies_between_two_requests_is_replaced(own: MediaReader, film: Path) -> None:
    child = new_child(own, film)
    child.kill()
    wait_until(lambda: child.status() == psutil.STATUS_ZOMBIE)  # the fork server waits for it when it is asked
    assert own.probe(film, "film.mp4").kind == "video"


def test_a_child_that_is_killed_while_it_looks_at_a_file_is_no_fault_of_the_file(own: MediaReader, film: Path) -> None:
    child = new_child(own, film)
    child.suspend()
    with ThreadPoolExecutor(1) as pool:
        info = pool.submit(own.probe, film, "film.mp4")
        time.sleep(0.3)
        assert not info.done(), "it waits for the suspended child"
        child.kill()
        assert info.result(60).kind == "video"


@pytest.mark.parametrize("own", [Limits(silent_seconds=0.5)], indirect=True)
def test_a_child_that_falls_silent(own: MediaReader, film: Path) -> None:
    child = new_child(own, film)
    frames = own.frames(film, "film.mp4", END, 1000.0)
    next(frames)
    child.suspend()
    with pytest.raises(MediaError, match="sent nothing for") as raised:
        list(frames)
    assert raised.value.reason == "timeout"
    assert number_of(own.frame_at(film, "film.mp4", 1.0)) == 25


@pytest.mark.parametrize("own", [Limits(silent_seconds=0.5)], indirect=True)
def test_a_slow_consumer_is_no_silence(own: MediaReader, film: Path) -> None:
    frames = own.frames(film, "film.mp4", END, 1000.0)
    next(frames)
    time.sleep(1.2)
    assert number_of(list(frames)[-1].image) == 199


@pytest.mark.parametrize("own", [Limits(memory_bytes=100 << 20)], indirect=True)
def test_a_picture_that_takes_too_much_memory(own: MediaReader, tmp_path: Path) -> None:
    Image.new("RGB", (9000, 9000)).save(tmp_path / "bomb.png")
    for ask in (own.probe, own.image):
        with pytest.raises(TooLarge, match=r"bomb\.png.*MM_SANDBOX_MEMORY"):
            ask(tmp_path / "bomb.png", "bomb.png")
    Image.new("RGB", (90, 90)).save(tmp_path / "small.png")
    assert own.image(tmp_path / "small.png", "small.png").shape == (90, 90, 3)


@pytest.mark.parametrize("own", [Limits(cpu_seconds=1, output_bytes=1 << 40)], indirect=True)
def test_a_film_that_takes_too_much_time(own: MediaReader, tmp_path: Path) -> None:
    times = [Fraction(0), Fraction(14_000)]  # one picture on the screen for hours: small, and endless work
    path = write(tmp_path / "slow.mp4", Track(times, width=1920, height=1080, rate=Fraction(25)))
    with pytest.raises(MediaError, match=r"slow\.mp4.*processor time") as raised:
        deque(own.frames(path, "slow.mp4", Span(0, 14_000), 2.0), maxlen=0)
    assert raised.value.reason == "timeout"
    assert own.probe(path, "slow.mp4").kind == "video"


@pytest.mark.parametrize("own", [Limits(requests=3)], indirect=True)
def test_a_child_is_replaced_after_its_share(own: MediaReader, film: Path) -> None:
    before, seen = pids(), set()
    for _ in range(7):
        own.probe(film, "film.mp4")
        seen |= pids() - before
    assert len(seen - pids()) == 2


def test_an_error_of_the_file_does_not_cost_the_child(own: MediaReader, film: Path, tmp_path: Path) -> None:
    child = new_child(own, film)
    (tmp_path / "broken.mp4").write_bytes(film.read_bytes()[:5000])
    with pytest.raises(MediaError):
        own.probe(tmp_path / "broken.mp4", "broken.mp4")
    own.probe(film, "film.mp4")
    assert child.is_running()


def test_a_stream_that_is_left_early_leaves_the_reader_usable(own: MediaReader, film: Path) -> None:
    for _ in range(4):
        frames = own.frames(film, "film.mp4", END, 1000.0)
        assert number_of(next(frames).image) == 0
        frames.close()
    assert number_of(own.frame_at(film, "film.mp4", 4.0)) == 100


def test_a_stream_that_is_never_started_costs_nothing(own: MediaReader, film: Path) -> None:
    for _ in range(10):
        own.frames(film, "film.mp4", END, 2.0)
    assert own.probe(film, "film.mp4").kind == "video"


def test_picture_and_sound_side_by_side(own: MediaReader, film: Path) -> None:
    heard: list[int] = []
    frames = own.frames(film, "film.mp4", END, 1000.0)
    next(frames)  # the stream is open and waits for us

    def listen() -> None:
        heard.append(len(own.waveform(film, "film.mp4", END)))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join(60)
    assert heard == [128_000]
    assert len(list(frames)) == 199


def test_many_threads_share_a_reader(own: MediaReader, film: Path) -> None:
    before, most = pids(), 0
    numbers: dict[int, int] = {}

    def look(number: int) -> None:
        numbers[number] = number_of(own.frame_at(film, "film.mp4", number / 25 + 0.01))

    threads = [threading.Thread(target=look, args=(number,)) for number in range(0, 200, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        most = max(most, len(pids() - before))
    assert numbers == {number: number for number in range(0, 200, 10)}
    assert most <= 3


@pytest.mark.parametrize("own", [Limits(silent_seconds=0.5)], indirect=True)
def test_one_thread_that_holds_all_children_gets_an_answer(own: MediaReader, film: Path) -> None:
    streams = [own.frames(film, "film.mp4", END, 1000.0) for _ in range(3)]
    for stream in streams:
        next(stream)
    with pytest.raises(Unavailable, match="busy"):
        own.probe(film, "film.mp4")
    streams[0].close()
    assert own.probe(film, "film.mp4").kind == "video"
    for stream in streams:
        stream.close()


def test_a_child_outlives_the_thread_that_asked_for_it(own: MediaReader, film: Path) -> None:
    thread = threading.Thread(target=own.probe, args=(film, "film.mp4"))
    before = {child.pid for child in children()}
    thread.start()
    thread.join(60)
    (child,) = (child for child in children() if child.pid not in before)
    own.probe(film, "film.mp4")
    assert child.is_running()


def test_a_closed_reader_says_so_and_has_no_children(film: Path) -> None:
    before = pids()
    reader = MediaReader()
    reader.probe(film, "film.mp4")
    assert len(pids() - before) == 1
    reader.close()
    reader.close()
    assert pids() <= before
    with pytest.raises(Unavailable, match="closed"):
        reader.probe(film, "film.mp4")


def test_closing_ends_what_other_threads_read(film: Path) -> None:
    reader = MediaReader()
    frames = reader.frames(film, "film.mp4", END, 1000.0)
    next(frames)
    reader.close()
    with pytest.raises(Unavailable, match="closed"):
        list(frames)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the child notices at its next answer")
def test_children_die_with_their_parent(film: Path) -> None:
    script = """
import os, sys, time
from pathlib import Path
from mm.media import MediaReader
from mm.media.types import Span
reader = MediaReader()
frames = reader.frames(Path(sys.argv[1]), "film.mp4", Span(0, 8), 1000.0)
next(frames)
print("started", flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(film)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
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


def test_the_child_inherits_no_secrets_and_no_files(
    own: MediaReader, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MM_DATABASE_URL", "postgresql://user:secret@host/db")
    secret = tmp_path / "secret.txt"  # not the film: that one was handed over and is closed only after the answer
    with secret.open("w") as held:
        os.set_inheritable(held.fileno(), True)
        child = new_child(own, film)
        assert not any(name.startswith("MM_") for name in child.environ())
        assert secret not in {Path(opened.path) for opened in child.open_files()}


def test_the_child_can_write_no_file(own: MediaReader, film: Path) -> None:
    child = new_child(own, film)
    assert child.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
    assert child.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert child.rlimit(psutil.RLIMIT_AS)[0] < 4 << 30


@pytest.mark.parametrize(
    "answers",
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
def test_a_decoder_that_was_taken_over_may_say_anything(
    own: MediaReader, film: Path, monkeypatch: pytest.MonkeyPatch, answers: list[tuple[dict[str, object], bytearray]]
) -> None:
    def ask(*_: object) -> Iterator[tuple[dict[str, object], bytearray]]:
        yield from answers

    own.probe(film, "film.mp4")
    monkeypatch.setattr("mm.media.children.process.DecodingChild.request", ask)
    asked = {
        "frame": lambda: list(own.frames(film, "film.mp4", END, 2.0)),
        "times": lambda: own.keyframes(film, "film.mp4"),
        "sound": lambda: own.waveform(film, "film.mp4", Span(0, 1)),
    }
    with pytest.raises(MediaError, match=r"film\.mp4.*crashed"):
        asked.get(str(answers[0][0]["what"]) if answers else "", lambda: own.probe(film, "film.mp4"))()


def test_limits_come_from_the_settings(film: Path) -> None:
    with MediaReader.from_settings(Settings(media_seconds=1.0)) as strict, pytest.raises(Exception, match="MM_MEDIA_SECONDS"):
        strict.probe(film, "film.mp4")


def test_a_film_that_was_read_is_let_go_of(own: MediaReader, tmp_path: Path) -> None:
    """A decoder's pictures are in a ring of references that Python would leave for long: they are
    few objects to it."""
    film = write(tmp_path / "film.mp4", Track(steady(25, 100), options={"preset": "ultrafast"}, width=960, height=544))
    child = new_child(own, film)

    def read(times: int) -> int:
        for _ in range(times):
            assert list(own.frames(film, "film.mp4", Span(0.0, 4.0), 2.0, 320))
        return int(child.memory_info().rss)

    before = read(2)
    assert read(6) - before < 40 << 20
