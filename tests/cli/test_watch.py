"""`mm watch` with a running service of the folder MM_HOME."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.api import media
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
