"""A supervised process: stop, exit status, log, and its end with its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from mm.embedded.process import Process
from tests.processes import is_alive
from tests.waiting import wait_for

NOT_SET = threading.Event()


def start(tmp_path: Path, program: str, **options: int) -> Process:
    log = tmp_path / "log" / "process.log"
    process = Process("process", [sys.executable, "-c", program], dict(os.environ), log, **options)
    process.start()
    return process


def read_pid(path: Path) -> int:
    wait_for(lambda: path.exists() and path.read_text().endswith("\n"), "the process id")
    return int(path.read_text())


def test_stop_sends_sigterm_and_waits_for_the_exit(tmp_path: Path) -> None:
    process = start(tmp_path, "import time; print('up', flush=True); time.sleep(60)")
    wait_for(lambda: process.read_last_log_line() == "up", "the first line of the log")
    pid = process.pid
    assert pid is not None
    assert process.poll_exit_status() is None
    process.stop(20, NOT_SET)
    assert process.pid is None
    assert not is_alive(pid)


def test_stop_of_a_process_that_ignores_sigterm_kills_its_group(tmp_path: Path) -> None:
    program = (
        "import os, signal, time, pathlib\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"child = os.fork()\nif child: pathlib.Path({str(tmp_path / 'pid')!r}).write_text(f'{{child}}\\n')\ntime.sleep(60)"
    )
    process = start(tmp_path, program)
    child = read_pid(tmp_path / "pid")
    process.stop(0.05, NOT_SET)
    wait_for(lambda: not is_alive(child), "the end of the child")


def test_stop_with_kill_now_does_not_wait(tmp_path: Path) -> None:
    process = start(
        tmp_path, "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    wait_for(lambda: process.read_last_log_line() == "up", "the first line of the log")
    kill_now = threading.Event()
    kill_now.set()
    process.stop(1e9, kill_now)
    assert process.pid is None


def test_poll_exit_status_after_an_exit_returns_the_status_and_keeps_the_last_log_line(tmp_path: Path) -> None:
    process = start(tmp_path, "import sys; print('first'); print('what was wrong\\n', file=sys.stderr); sys.exit(3)")
    statuses: list[int] = []
    wait_for(lambda: (status := process.poll_exit_status()) is not None and not statuses.append(status), "an exit")
    assert statuses == [3]
    assert process.read_last_log_line() == "what was wrong"
    process.command = [sys.executable, "-c", ""]
    process.start()
    wait_for(lambda: process.poll_exit_status() == 0, "exit status 0")
    assert process.read_last_log_line() == ""  # only lines since the last start count


def test_poll_exit_status_after_an_exit_kills_the_children(tmp_path: Path) -> None:
    program = (
        "import os, time, pathlib\nchild = os.fork()\nif not child: time.sleep(60)\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(f'{{child}}\\n')\nos.kill(os.getpid(), 9)"
    )
    process = start(tmp_path, program)
    child = read_pid(tmp_path / "pid")
    wait_for(lambda: process.poll_exit_status() == -signal.SIGKILL, "an exit by SIGKILL")
    wait_for(lambda: not is_alive(child), "the end of the child")


def test_process_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    program = (
        "import os, pathlib, time\nfrom mm.embedded.process import Process\n"
        f"process = Process('process', {sleeper!r}, dict(os.environ), pathlib.Path({str(tmp_path / 'log')!r}))\n"
        "process.start(); time.sleep(0.5); print(process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.kill()
    wait_for(lambda: not is_alive(child), "the end of the child")


def test_start_with_a_large_log_renames_it(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "process.log").write_text("more than ten bytes")
    process = start(tmp_path, "print('new')", log_bytes=10)
    wait_for(lambda: process.poll_exit_status() == 0, "exit status 0")
    assert (tmp_path / "log" / "process.log.1").read_text() == "more than ten bytes"
    assert process.read_last_log_line() == "new"
