"""Decoding children, each of which belongs to one file, and the fork servers that start them."""

from __future__ import annotations

import signal
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mm.errors import MediaError, Unavailable, UnsupportedMedia
from mm.media import MediaReader
from mm.media.sandbox.layers import Sandbox
from mm.media.types import Limits, Span
from tests.media.children.processes import is_living, pids, wait_until
from tests.media_files import Track, scene, steady, write
from tests.processes import read_command_line

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENTS = count()


@pytest.fixture(scope="module")
def hostile() -> Iterator[MediaReader]:
    """A reader with compromised children: see tests/media/children/hostile_child.py."""
    with MediaReader(Limits(requests=100_000), sandbox=Sandbox("limits")) as reader:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("mm.media.children.fork_client.SERVER", "tests.media.children.hostile_child")
            reader.active_layers()
        yield reader


def disclose(reader: MediaReader, path: Path, request: str) -> str:
    with pytest.raises(UnsupportedMedia) as raised:
        reader.probe(path, request)
    return str(raised.value)


def count_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def servers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "mm.media.children.fork_server" in read_command_line(child)]


def test_child_that_keeps_a_file_receives_no_other(hostile: MediaReader, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"private")
    second.write_bytes(b"of another user")
    assert "private" in disclose(hostile, first, "keep")
    assert disclose(hostile, first, "keep").count("b'") == 2, "a second request about the same file shares the child"
    assert disclose(hostile, second, "keep") == "Kept: [b'of another user']"
    assert "another user" not in disclose(hostile, first, "keep")


Step = tuple[int, str]
STEPS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["request", "request", "replace", "rewrite", "grow"])), max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_no_child_receives_two_files_in_any_request_sequence(hostile: MediaReader, tmp_path: Path, steps: list[Step]) -> None:
    contents: dict[int, bytes] = {}
    served: dict[str, bytes] = {}
    for index, action in steps:
        path = tmp_path / str(index)
        if action == "grow" and index in contents:
            contents[index] += b"+"
            path.write_bytes(contents[index])
        elif action != "request" or index not in contents:
            if action == "replace":
                path.unlink(missing_ok=True)  # so that the next file may get its inode number
            contents[index] = b"%08d" % next(CONTENTS)
            path.write_bytes(contents[index])
        number = disclose(hostile, path, "who")
        assert served.setdefault(number, contents[index]) == contents[index]


def test_child_has_only_standard_descriptors_and_its_file(hostile: MediaReader, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    assert disclose(hostile, tmp_path / "file", "handles") == "Handles: [0, 1, 2]"


def test_pool_after_many_files_leaves_no_processes_and_no_descriptors(tmp_path: Path) -> None:
    Image.fromarray(scene(1)).save(tmp_path / "picture.png")
    before, others = pids(), {server.pid for server in servers()}
    with MediaReader() as reader:
        for index in range(12):
            path = tmp_path / f"{index}.png"
            path.write_bytes((tmp_path / "picture.png").read_bytes())
            assert reader.probe(path, path.name).kind == "image"
            if index == 3:
                descriptors = count_descriptors()
        assert count_descriptors() <= descriptors
        assert len(pids() - before) <= 2
        (server,) = (server for server in servers() if server.pid not in others)
        assert all(is_living(child) for child in server.children())
    assert pids() <= before


def test_idle_child_ends_and_closes_its_file(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(scene(1)).save(path)
    before = pids()

    def is_open() -> bool:
        return any(str(path) in opened.path for opened in psutil.Process().open_files())

    with MediaReader(Limits(idle_seconds=0.2)) as reader:
        reader.probe(path, path.name)
        wait_until(lambda: pids() <= before and not is_open())
        assert reader.probe(path, path.name).kind == "image"


def test_fork_server_is_replaced_after_its_limit_of_forks(tmp_path: Path) -> None:
    video = write(tmp_path / "video.mp4", Track(steady(25, 100), options={"preset": "ultrafast"}, width=320, height=192))
    before = {server.pid for server in servers()}
    with MediaReader(Limits(requests=3)) as reader, closing(reader.frames(video, video.name, Span(0.0, 4.0), 1000.0)) as frames:  # type: ignore[type-var]
        next(frames)
        (first,) = (server for server in servers() if server.pid not in before)
        for index in range(4):
            Image.fromarray(scene(index)).save(tmp_path / f"{index}.png")
            reader.probe(tmp_path / f"{index}.png", "picture.png")
        both = [server.pid for server in servers() if server.pid not in before]
        assert len(both) == 2, "the first one still has a busy child"
        assert len(list(frames)) == 99
        assert first.is_running()
        for index in range(2):  # they replace the child of the video, the last one of the first server
            reader.probe(tmp_path / f"{index}.png", "picture.png")
        assert not first.is_running()
    assert {server.pid for server in servers()} <= before


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGSEGV])
def test_fork_server_that_dies_is_replaced_and_its_children_end(tmp_path: Path, ending: signal.Signals) -> None:
    video = write(tmp_path / "video.mp4", Track(steady(25, 100), options={"preset": "ultrafast"}, width=320, height=192))
    before = {server.pid for server in servers()}
    with MediaReader() as reader:
        frames = reader.frames(video, video.name, Span(0.0, 4.0), 1000.0)
        next(frames)
        (server,) = (server for server in servers() if server.pid not in before)
        (child,) = server.children()
        server.send_signal(ending)
        with pytest.raises(MediaError, match=r"video\.mp4") as raised:
            list(frames)
        assert raised.value.reason == "out-of-memory"
        wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
        assert reader.probe(video, video.name).kind == "video"


def test_reader_closed_while_its_fork_server_starts_leaves_no_process(tmp_path: Path) -> None:
    Image.fromarray(scene(1)).save(tmp_path / "picture.png")
    before = {server.pid for server in servers()}
    reader = MediaReader()
    with pytest.raises(MediaError, match="within"):
        reader.thumbnail(tmp_path / "picture.png", "picture.png", 0.0, longest=80, deadline_seconds=0.0001)
    reader.close()
    with pytest.raises(Unavailable, match="closed"):
        reader.probe(tmp_path / "picture.png", "picture.png")
    assert {server.pid for server in servers()} <= before
