"""Uploads with broken connections, stalled clients, a killed service, and concurrent requests."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2
import pytest

from api.uploads import resumable
from tests.api import media
from tests.api.conftest import ApiServer, assert_problem, run_server
from tests.api.uploads.tus import CHUNK_TYPE, Tus, checksum
from tests.graphs import with_graphs
from tests.waiting import join_thread, wait_for
from tests.workers.process import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONG, REACH = 60 << 20, 36 << 20
"""Bytes of an upload, and bytes sent when the service is killed, after the first checkpoint."""


@pytest.fixture
def tus(api: ApiServer) -> Tus:
    return Tus(api.client)


@contextmanager
def send_partially(url: str, path: str, offset: int, length: int, data: bytes, **headers: str) -> Iterator[socket.socket]:
    """Send a PATCH that declares `length` bytes and sends `data`; the connection is closed at the
    end of the block."""
    parts = urlsplit(url)
    lines = [f"PATCH {path} HTTP/1.1", f"Host: {parts.netloc}", "Tus-Resumable: 1.0.0", f"Content-Type: {CHUNK_TYPE}"]
    lines += [f"Upload-Offset: {offset}", f"Content-Length: {length}", *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=300) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + data)
        yield connection


def count_stored(api: ApiServer, path: str) -> int:
    """Return the bytes in the file, flushed or not."""
    return (api.service.settings.root / "blobs" / "uploads" / path.rpartition("/")[2] / "bytes.part").stat().st_size


def test_broken_connection_keeps_received_bytes(api: ApiServer, tus: Tus) -> None:
    data = media.audio(1.0)
    path = tus.create_path(len(data), "s.wav")
    with send_partially(api.url, path, 0, len(data), data[:1000]):
        wait_for(lambda: count_stored(api, path) == 1000, "the bytes are written")
    assert tus.offset(path) == 1000
    response = tus.patch(path, 1000, data[1000:])
    assert api.client.get(f"/v1/media/{response.headers['mm-item']}/content").content == data


def test_incomplete_chunk_with_checksum_is_not_kept(api: ApiServer, tus: Tus) -> None:
    data = media.audio(1.0)
    path = tus.create_path(len(data), "s.wav")
    with send_partially(api.url, path, 0, len(data), data[:1000], **checksum(data)):
        wait_for(lambda: count_stored(api, path) == 1000, "the bytes are written")
    assert tus.offset(path) == 0


def test_head_takes_over_upload_of_stalled_request(api: ApiServer, tus: Tus) -> None:
    """A client changed its network: the old connection is open, the new one queries the offset."""
    data = media.audio(0.9)
    path = tus.create_path(len(data), "s.wav")
    with send_partially(api.url, path, 0, len(data), data[:1000]) as stuck:
        wait_for(lambda: count_stored(api, path) == 1000, "the bytes are written")
        assert tus.offset(path) == 1000
        assert stuck.recv(64).startswith(b"HTTP/1.1 423 ")
        response = tus.patch(path, 1000, data[1000:])
        assert response.status_code == 204
    assert response.headers["mm-item"] == hashlib.sha256(data).hexdigest()[:32]


def test_two_services_do_not_write_same_upload_concurrently(api: ApiServer, tus: Tus) -> None:
    data = media.audio(0.8)
    path = tus.create_path(len(data), "s.wav")
    with run_server(api.service.settings) as other, send_partially(other.url, path, 0, len(data), data[:1000]) as stuck:
        wait_for(lambda: count_stored(api, path) == 1000, "the other service writes")
        response = tus.patch(path, 0, data)
        assert response.status_code == 409, "bytes written by the other service count"
        assert stuck.recv(64).startswith(b"HTTP/1.1 423 ")
        assert Tus(other.client).patch(path, 1000, data[1000:]).headers["mm-item"]
        assert tus.head(path).headers["mm-item"]


def test_upload_that_stays_locked_is_refused_after_timeout(
    api: ApiServer, tus: Tus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumable, "LOCK_SECONDS", 0.2)
    path = tus.create_path(10)
    tus.patch(path, 0, b"abc")
    code = """if True:
        import sys
        from indexes import open_store
        from mm.settings import load_settings
        upload = open_store(load_settings()).uploads.open(sys.argv[1])
        print("held", flush=True)
        sys.stdin.read()
    """
    environment = {**os.environ, "MM_HOME": str(api.service.settings.root)}
    command = [sys.executable, "-c", code, path.rpartition("/")[2]]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert tus.head(path).status_code == 423
        for response in (tus.patch(path, 3, b"d"), tus.delete(path)):
            assert_problem(response, 423, "locked")
        holder.kill()
    assert tus.offset(path) == 3


@contextmanager
def run_killed_api(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run `python -m api`, and end it with SIGKILL."""
    note = home / "run" / "api.json"
    note.unlink(missing_ok=True)
    environment = {**os.environ, "MM_HOME": str(home), "MM_PORT": "0"}
    with (home / "log").open("ab") as log, subprocess.Popen([sys.executable, "-m", "api"], env=environment, stderr=log) as child:
        try:
            wait_for(lambda: note.exists() or child.poll() is not None, "the service listens")
            address = json.loads(note.read_text())
            yield child, f"http://{address['host']}:{address['port']}"
        finally:
            child.send_signal(signal.SIGKILL)


def send_until_closed(connection: socket.socket, data: bytes) -> None:
    with suppress(OSError):
        connection.sendall(data)


def test_killed_service_resumes_at_durable_offset(tmp_path: Path, graphs: Path) -> None:
    home = with_graphs(tmp_path, graphs)
    data = media.wav_header(LONG) + os.urandom(1 << 20) * (LONG >> 20)
    with run_killed_api(home) as (child, url), httpx2.Client(base_url=url, timeout=300) as client:
        path = Tus(client).create_path(len(data), "long.wav")
        file = home / "blobs" / "uploads" / path.rpartition("/")[2] / "bytes.part"
        with send_partially(url, path, 0, len(data), b"") as connection:
            sender = Thread(target=send_until_closed, args=[connection, data[:-1]])
            sender.start()
            wait_for(lambda: file.stat().st_size >= REACH, "the bytes are written")
            child.send_signal(signal.SIGKILL)
            child.wait(300)
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            join_thread(sender)
    with run_killed_api(home) as (_, url), httpx2.Client(base_url=url, timeout=300) as client:
        offset = Tus(client).offset(path)
        assert 0 < offset <= file.stat().st_size
        assert file.read_bytes()[:offset] == data[:offset]
        response = Tus(client).patch(path, offset, data[offset:])
        assert response.headers["mm-item"] == hashlib.sha256(data).hexdigest()[:32]
