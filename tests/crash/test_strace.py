"""System calls of the API between an upload and its response, as strace records them."""

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
    """Why strace cannot be used here, empty if it can."""
    if shutil.which("strace") is None:
        return "there is no strace on the PATH"
    done = subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr.strip()


pytestmark = pytest.mark.skipif(bool(refusal()), reason=f"strace cannot be used: {refusal()}")


def parse_trace(trace: Sequence[str]) -> list[tuple[str, str]]:
    """Successful calls with their arguments, in the order of their return."""
    started: dict[tuple[str, str], str] = {}
    calls: list[tuple[str, str]] = []
    for line in trace:
        if match := UNFINISHED.match(line):
            started[match["pid"], match["call"]] = match["arguments"]
        elif match := RESUMED.match(line):
            if not match["result"].startswith("-"):
                calls.append((match["call"], started.pop((match["pid"], match["call"]), "") + match["rest"]))
        elif (match := LINE.match(line)) and not match["result"].startswith("-"):
            calls.append((match["call"], match["arguments"]))
    return calls


def find_call(calls: Sequence[tuple[str, str]], names: tuple[str, ...], pattern: str, after: int) -> int:
    """Index of the first matching call after index `after`."""
    for index, (call, arguments) in enumerate(calls[after + 1 :], after + 1):
        if call in names and re.search(pattern, arguments):
            return index
    pytest.fail(f"no {' or '.join(names)} of {pattern} after {calls[after] if after >= 0 else 'the start'}")


def test_upload_is_flushed_and_committed_before_its_response(tmp_path: Path, graphs: Path) -> None:
    home = with_graphs(tmp_path / "home", graphs)
    trace = tmp_path / "trace"
    environment = {**os.environ, "MM_HOME": str(home), "MM_PORT": "0"}
    command = ["strace", "-f", "-y", "-s", "64", "-e", f"trace={CALLS}", "-o", str(trace), sys.executable, "-m", "api"]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, env=environment, stderr=log) as tracer:
        try:
            address_file = home / "run" / "api.json"
            while not address_file.exists():
                assert tracer.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.05)
            address = json.loads(address_file.read_text())
            response = httpx2.post(
                f"http://{address['host']}:{address['port']}/v1/media",
                params={"name": "a.png"},
                content=media.image(7),
                timeout=60,
            )
            assert response.status_code == 202, response.text
        finally:
            for child in psutil.Process(tracer.pid).children():
                child.send_signal(signal.SIGTERM)
            tracer.wait(300)
    calls = parse_trace(trace.read_text().splitlines())
    sha256 = hashlib.sha256(media.image(7)).hexdigest()
    flushed = find_call(calls, ("fsync",), r"blobs/incoming/\w+\.part", -1)
    named = find_call(calls, ("rename", "renameat", "renameat2"), f"incoming/.*{sha256}", flushed)
    folder_flushed = find_call(calls, ("fsync",), rf"blobs/{sha256[:2]}>", named)
    committed = find_call(calls, ("fsync", "fdatasync"), r"catalog\.db-wal>", folder_flushed)
    find_call(calls, ("sendto", "sendmsg", "write", "writev"), r"HTTP/1\.1 202", committed)
    first_response = find_call(calls, ("sendto", "sendmsg", "write", "writev"), r"HTTP/1\.1 202", -1)
    assert first_response > committed
