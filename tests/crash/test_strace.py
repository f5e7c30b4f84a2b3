"""Seen by the kernel, not by us: what a service asks of the disk before it answers an upload."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.api import media
from tests.graphs import with_graphs

CALLS = "fsync,fdatasync,rename,renameat,renameat2,sendto,sendmsg,write,writev"
LINE = re.compile(r"^(?:\[pid +\d+\] |\d+ +)?(?P<call>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)")
RESUMED = re.compile(r"^(?P<pid>\d+) +<\.\.\. (?P<call>\w+) resumed>(?P<rest>.*) += (?P<result>-?\d+)")
UNFINISHED = re.compile(r"^(?P<pid>\d+) +(?P<call>\w+)\((?P<arguments>.*) <unfinished \.\.\.>$")


def refusal() -> str:
    """Why no process can be traced here, empty if one can."""
    if shutil.which("strace") is None:
        return "there is no strace on the PATH"
    done = subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr.strip()


pytestmark = pytest.mark.skipif(bool(refusal()), reason=f"nothing can be traced: {refusal()}")


def finished(trace: Sequence[str]) -> list[tuple[str, str]]:
    """Calls that succeeded, with their arguments, in the order in which they returned."""
    begun: dict[tuple[str, str], str] = {}
    calls: list[tuple[str, str]] = []
    for line in trace:
        if match := UNFINISHED.match(line):
            begun[match["pid"], match["call"]] = match["arguments"]
        elif match := RESUMED.match(line):
            if not match["result"].startswith("-"):
                calls.append((match["call"], begun.pop((match["pid"], match["call"]), "") + match["rest"]))
        elif (match := LINE.match(line)) and not match["result"].startswith("-"):
            calls.append((match["call"], match["arguments"]))
    return calls


def place(calls: Sequence[tuple[str, str]], names: tuple[str, ...], wanted: str, after: int) -> int:
    """Where the first such call behind `after` is."""
    for index, (call, arguments) in enumerate(calls[after + 1 :], after + 1):
        if call in names and re.search(wanted, arguments):
            return index
    pytest.fail(f"no {' or '.join(names)} of {wanted} after {calls[after] if after >= 0 else 'the start'}")


def test_an_upload_is_on_the_disk_before_it_is_acknowledged(tmp_path: Path, graphs: Path) -> None:
    home = with_graphs(tmp_path / "home", graphs)
    trace = tmp_path / "trace"
    environment = {**os.environ, "MM_HOME": str(home), "MM_PORT": "0"}
    command = ["strace", "-f", "-y", "-s", "64", "-e", f"trace={CALLS}", "-o", str(trace), sys.executable, "-m", "api"]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, env=environment, stderr=log) as tracer:
        try:
            note = home / "run" / "api.json"
            while not note.exists():
                assert tracer.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.05)
            where = json.loads(note.read_text())
            answer = httpx2.post(
                f"http://{where['host']}:{where['port']}/v1/media", params={"name": "a.png"}, content=media.image(7), timeout=60
            )
            assert answer.status_code == 202, answer.text
        finally:
            for child in psutil.Process(tracer.pid).children():
                child.send_signal(signal.SIGTERM)
            tracer.wait(300)
    calls = finished(trace.read_text().splitlines())
    sha256 = hashlib.sha256(media.image(7)).hexdigest()
    flushed = place(calls, ("fsync",), r"blobs/incoming/\w+\.part", -1)
    named = place(calls, ("rename", "renameat", "renameat2"), f"incoming/.*{sha256}", flushed)
    safe = place(calls, ("fsync",), rf"blobs/{sha256[:2]}>", named)
    committed = place(calls, ("fsync", "fdatasync"), r"catalog\.db-wal>", safe)
    place(calls, ("sendto", "sendmsg", "write", "writev"), r"HTTP/1\.1 202", committed)
    first_answer = place(calls, ("sendto", "sendmsg", "write", "writev"), r"HTTP/1\.1 202", -1)
    assert first_answer > committed
