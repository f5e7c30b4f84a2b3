"""A supervised process: it ends when it is told to, takes what it started along, and does not
outlive its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from mm.embedded import process
from mm.embedded.process import Process

PATIENT = threading.Event()


def wait_for(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def start(tmp_path: Path, program: str) -> Process:
    part = Process("part", [sys.executable, "-c", program], dict(os.environ), tmp_path / "log" / "part.log")
    part.start()
    return part


def lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def written(path: Path) -> int:
    wait_for(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


def test_it_is_told_to_stop_and_stops(tmp_path: Path) -> None:
    part = start(tmp_path, "import time; print('up', flush=True); time.sleep(60)")
    wait_for(lambda: part.read_last_log_line() == "up")
    pid = part.pid
    assert pid is not None
    assert part.poll_exit_status() is None
    part.stop(20, PATIENT)
    assert part.pid is None
    assert not lives(pid)


def test_what_ignores_the_signal_is_killed_with_its_children(tmp_path: Path) -> None:
    program = (
        "import os, signal, time, pathlib\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"child = os.fork()\nif child: pathlib.Path({str(tmp_path / 'pid')!r}).write_text(f'{{child}}\\n')\ntime.sleep(60)"
    )
    part = start(tmp_path, program)
    child = written(tmp_path / "pid")
    part.stop(0.05, PATIENT)
    wait_for(lambda: not lives(child))


def test_hurry_cuts_patience_short(tmp_path: Path) -> None:
    part = start(
        tmp_path, "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    wait_for(lambda: part.read_last_log_line() == "up")
    hurry = threading.Event()
    hurry.set()
    part.stop(1e9, hurry)
    assert part.pid is None


def test_a_death_is_noticed_with_status_and_last_words(tmp_path: Path) -> None:
    part = start(tmp_path, "import sys; print('first'); print('what was wrong\\n', file=sys.stderr); sys.exit(3)")
    seen: list[int] = []
    wait_for(lambda: (status := part.poll_exit_status()) is not None and not seen.append(status))
    assert seen == [3]
    assert part.read_last_log_line() == "what was wrong"
    part.command = [sys.executable, "-c", ""]
    part.start()
    wait_for(lambda: part.poll_exit_status() == 0)
    assert part.read_last_log_line() == ""  # those were the words of another life


def test_a_death_takes_its_children_along(tmp_path: Path) -> None:
    program = (
        "import os, time, pathlib\nchild = os.fork()\nif not child: time.sleep(60)\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(f'{{child}}\\n')\nos.kill(os.getpid(), 9)"
    )
    part = start(tmp_path, program)
    child = written(tmp_path / "pid")
    wait_for(lambda: part.poll_exit_status() == -signal.SIGKILL)
    wait_for(lambda: not lives(child))


def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    program = (
        "import os, pathlib, time\nfrom mm.embedded.process import Process\n"
        f"part = Process('part', {sleeper!r}, dict(os.environ), pathlib.Path({str(tmp_path / 'log')!r}))\n"
        "part.start(); time.sleep(0.5); print(part.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert lives(child)
        parent.kill()
    wait_for(lambda: not lives(child))


def test_a_large_log_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LOG_BYTES", 10)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "part.log").write_text("more than ten bytes")
    part = start(tmp_path, "print('new')")
    wait_for(lambda: part.poll_exit_status() == 0)
    assert (tmp_path / "log" / "part.log.1").read_text() == "more than ten bytes"
    assert part.read_last_log_line() == "new"
