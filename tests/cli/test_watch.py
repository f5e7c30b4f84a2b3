"""`mm watch` with a running service of the folder MM_HOME."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from mm.bench.watch.camera import CameraServer, encode
from mm.client import Client
from tests.api import media
from tests.media_files import numbered
from tests.service_process import RunningService, Shell, environment, mm_command
from tests.waiting import wait_for_exit

pytestmark = pytest.mark.xdist_group("served")


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (time.time() - 100,) * 2)


def test_watch_once_uploads_a_folder_once_and_exits_with_what_was_refused(shell: Shell, tmp_path: Path) -> None:
    put(tmp_path / "in" / "a.png", media.image(901))
    put(tmp_path / "in" / "deep" / "b.png", media.image(902))
    put(tmp_path / "in" / "notes.txt", b"no picture")
    first = shell("watch", tmp_path / "in", "--once", "--tag", "watched")
    assert first.exit_code == 1
    assert [line.split()[1] for line in first.stdout.splitlines()] == ["uploaded", "uploaded", "ready", "ready"]
    assert "refused      notes.txt" in first.stderr
    assert first.stderr.splitlines()[-1] == "2 uploaded, 2 searchable, 1 refused"
    (tmp_path / "in" / "a.png").rename(tmp_path / "in" / "c.png")
    again = shell("watch", tmp_path / "in", "--once", "--json")
    assert again.exit_code == 0
    assert [json.loads(line)["kind"] for line in again.stdout.splitlines()] == ["known"]
    assert len(shell("list", "--tag", "watched").stdout.splitlines()) == 2


def test_watch_item_that_was_deleted_is_not_sent_again(shell: Shell, running_service: RunningService, tmp_path: Path) -> None:
    put(tmp_path / "in" / "a.png", media.image(905))
    assert shell("watch", tmp_path / "in", "--once", "--tag", "removed").exit_code == 0
    with Client(running_service.url) as client:
        client.delete(client.items(tags=["removed"]).items[0].id)
        (tmp_path / "in" / "a.png").rename(tmp_path / "in" / "b.png")
        assert shell("watch", tmp_path / "in", "--once", "--tag", "removed").exit_code == 0
        assert client.items(tags=["removed"]).items == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watch_ends_cleanly_at_a_signal(running_service: RunningService, tmp_path: Path, number: signal.Signals) -> None:
    put(tmp_path / "in" / "a.png", media.image(910 + number))
    command = mm_command("watch", str(tmp_path / "in"), "--url", running_service.url)
    with subprocess.Popen(
        command, env=environment(tmp_path / "home"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "uploaded" in process.stdout.readline()
        process.send_signal(number)
        assert wait_for_exit(process, "mm watch after a signal") == 0
        assert "1 uploaded" in process.stderr.read()


def test_watch_wrong_source_is_refused_with_a_sentence(shell: Shell, tmp_path: Path) -> None:
    put(tmp_path / "a.png", media.image(1))
    assert "mm add" in shell("watch", tmp_path / "a.png").stderr
    assert "MM_HOME" in shell("watch", shell.home / "blobs").stderr
    assert shell("watch", tmp_path / "missing").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["http://camera/stream"], "rtsp://"),
        (["rtsp://camera/a", "--once"], "--once is for a folder"),
        (["rtsp://camera/a", "--name", "Porch 1"], "not a name"),
        (["rtsp://camera/a b"], "invalid"),
        ([".", "--keep-size", "5GB"], "--keep-size is for a stream"),
        ([".", "--keep", "week"], "not a duration"),
        ([".", "--keep-size", "50"], "not a size"),
        (["rtsp://user:hidden@no-such-host.invalid/a"], "not known"),
    ],
)
def test_watch_wrong_options_are_refused_with_a_sentence(shell: Shell, arguments: list[str], message: str) -> None:
    result = shell("watch", *arguments)
    assert result.exit_code in {1, 2}
    assert message in result.stderr
    assert "hidden" not in result.output


def test_watch_camera_records_chunks_that_are_listed_by_time_and_deletes_the_oldest(
    running_service: RunningService, shell: Shell, tmp_path: Path
) -> None:
    frames = encode([numbered(number) for number in range(60)])
    with CameraServer(frames, frame_seconds=0.02, frame_ticks=9000, is_endless=True) as server:
        command = mm_command(
            "watch", server.url(), "--name", "porch", "--chunk", "5", "--keep", "1s", "--url", running_service.url
        )
        with subprocess.Popen(
            command, env=environment(shell.home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stdout is not None
                lines = []
                while not any(" deleted " in line for line in lines):
                    lines.append(process.stdout.readline())
                    assert lines[-1]
                process.send_signal(signal.SIGINT)
                assert wait_for_exit(process, "mm watch after a signal") == 0
                assert process.stderr is not None
                messages = process.stderr.read()
            finally:
                process.kill()
        listed = shell("watch", server.url(), "--name", "porch", "--gaps", "--json", "--url", running_service.url)
    assert "recording rtsp://127.0.0.1" in messages
    assert "--keep: deletes chunks of this stream from the library for good that ended more than 1 s ago" in messages
    assert "se" + "cret" not in messages + "".join(lines)
    with Client(running_service.url) as client:
        items = client.items(tags=["stream:porch"]).items
    assert all(item.capture is not None and item.capture.taken_at is not None for item in items)
    assert all(item.name.startswith("porch 20") for item in items)
    assert {chunk["item"] for chunk in json.loads(listed.stdout)["chunks"]} == {item.id for item in items}
