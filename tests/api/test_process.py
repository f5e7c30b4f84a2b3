"""`python -m api` as a process: address, stop, memory."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import psutil

from api.process import bind
from tests.api import media
from tests.graphs import with_graphs

if TYPE_CHECKING:
    from collections.abc import Iterator

UPLOAD_BYTES = 300 << 20
GROWTH_BYTES = 100 << 20  # far below the size of the file, above the growth of an idle service


@contextmanager
def process(home: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    environment = {**os.environ, "MM_HOME": str(home), "MM_PORT": "0", **settings}
    note = home / "run" / "api.json"
    with (home / "log").open("wb") as log:
        child = subprocess.Popen([sys.executable, "-m", "api"], env=environment, stderr=log)
    try:
        while not note.exists():
            assert child.poll() is None, (home / "log").read_text()
            time.sleep(0.05)
        address = json.loads(note.read_text())
        assert address["pid"] == child.pid
        yield child, f"http://{address['host']}:{address['port']}"
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(300)
    assert not note.exists()


def test_large_upload_does_not_increase_memory(tmp_path: Path, graphs: Path) -> None:
    with process(with_graphs(tmp_path, graphs)) as (child, url), httpx2.Client(base_url=url, timeout=300) as client:
        memory = psutil.Process(child.pid)
        assert client.get("/v1/models").status_code == 200  # loads the towers
        assert client.post("/v1/media", content=media.audio(0.5)).status_code == 202
        before, peak = memory.memory_info().rss, 0

        def watched() -> Iterator[bytes]:
            nonlocal peak
            for block in media.long_audio(UPLOAD_BYTES):
                peak = max(peak, memory.memory_info().rss)
                yield block

        response = client.post("/v1/media", params={"name": "long.wav"}, content=watched())
        assert response.status_code == 202, response.text
        assert response.json()["item"]["size"] == UPLOAD_BYTES + 44
        assert peak - before < GROWTH_BYTES


def test_port_in_use_is_reported_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = {**os.environ, "MM_HOME": str(tmp_path), "MM_PORT": str(port)}
        done = subprocess.run([sys.executable, "-m", "api"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr


def test_response_body_is_sent_without_waiting_for_tcp_ack() -> None:
    with bind("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
