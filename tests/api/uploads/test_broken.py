"""Uploads whose line breaks, whose caller hangs, whose service is killed, and that two want at
once."""

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
from tests.api.uploads.tus import PIECE, Tus, checksum
from tests.graphs import with_graphs
from tests.workers.process import ROOT, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONG, REACH = 60 << 20, 36 << 20
"""Bytes of an upload, and of it when its service is killed: behind the first checkpoint."""


@pytest.fixture
def tus(api: ApiServer) -> Tus:
    return Tus(api.client)


@contextmanager
def half_sent(url: str, where: str, offset: int, length: int, data: bytes, **headers: str) -> Iterator[socket.socket]:
    """A PATCH that announces `length` bytes and has sent only `data`; the line is cut at the end of
    the block."""
    parts = urlsplit(url)
    lines = [f"PATCH {where} HTTP/1.1", f"Host: {parts.netloc}", "Tus-Resumable: 1.0.0", f"Content-Type: {PIECE}"]
    lines += [f"Upload-Offset: {offset}", f"Content-Length: {length}", *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=300) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + data)
        yield connection


def stored(api: ApiServer, where: str) -> int:
    """Bytes in the file, counted or not."""
    return (api.service.settings.root / "blobs" / "uploads" / where.rpartition("/")[2] / "bytes.part").stat().st_size


def test_broken_connection_keeps_received_bytes(api: ApiServer, tus: Tus) -> None:
    data = media.audio(1.0)
    where = tus.created(len(data), "s.wav")
    with half_sent(api.url, where, 0, len(data), data[:1000]):
        wait_for(lambda: stored(api, where) == 1000, "it is written")
    assert tus.offset(where) == 1000
    answer = tus.patch(where, 1000, data[1000:])
    assert api.client.get(f"/v1/media/{answer.headers['mm-item']}/content").content == data


def test_incomplete_chunk_with_checksum_is_not_kept(api: ApiServer, tus: Tus) -> None:
    data = media.audio(1.0)
    where = tus.created(len(data), "s.wav")
    with half_sent(api.url, where, 0, len(data), data[:1000], **checksum(data)):
        wait_for(lambda: stored(api, where) == 1000, "it is written")
    assert tus.offset(where) == 0


def test_head_takes_over_upload_of_stalled_request(api: ApiServer, tus: Tus) -> None:
    """A phone changed its network: the old connection is not closed, the new one asks how far it
    is."""
    data = media.audio(0.9)
    where = tus.created(len(data), "s.wav")
    with half_sent(api.url, where, 0, len(data), data[:1000]) as stuck:
        wait_for(lambda: stored(api, where) == 1000, "it is written")
        assert tus.offset(where) == 1000
        assert stuck.recv(64).startswith(b"HTTP/1.1 423 ")
        answer = tus.patch(where, 1000, data[1000:])
        assert answer.status_code == 204
    assert answer.headers["mm-item"] == hashlib.sha256(data).hexdigest()[:32]


def test_two_services_do_not_write_same_upload_concurrently(api: ApiServer, tus: Tus) -> None:
    data = media.audio(0.8)
    where = tus.created(len(data), "s.wav")
    with run_server(api.service.settings) as other, half_sent(other.url, where, 0, len(data), data[:1000]) as stuck:
        wait_for(lambda: stored(api, where) == 1000, "the other writes")
        answer = tus.patch(where, 0, data)
        assert answer.status_code == 409, "what the other wrote counts"
        assert stuck.recv(64).startswith(b"HTTP/1.1 423 ")
        assert Tus(other.client).patch(where, 1000, data[1000:]).headers["mm-item"]
        assert tus.head(where).headers["mm-item"]


def test_upload_that_stays_locked_is_refused_after_timeout(
    api: ApiServer, tus: Tus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumable, "LOCK_SECONDS", 0.2)
    where = tus.created(10)
    tus.patch(where, 0, b"abc")
    code = """if True:
        import sys
        from indexes import open_store
        from mm.settings import load_settings
        upload = open_store(load_settings()).uploads.open(sys.argv[1])
        print("held", flush=True)
        sys.stdin.read()
    """
    environment = {**os.environ, "MM_HOME": str(api.service.settings.root)}
    command = [sys.executable, "-c", code, where.rpartition("/")[2]]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert tus.head(where).status_code == 423
        for answer in (tus.patch(where, 3, b"d"), tus.delete(where)):
            assert_problem(answer, 423, "locked")
        holder.kill()
    assert tus.offset(where) == 3


@contextmanager
def killed_api(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`python -m api` that ends by SIGKILL."""
    note = home / "run" / "api.json"
    note.unlink(missing_ok=True)
    environment = {**os.environ, "MM_HOME": str(home), "MM_PORT": "0"}
    with (home / "log").open("ab") as log, subprocess.Popen([sys.executable, "-m", "api"], env=environment, stderr=log) as child:
        try:
            wait_for(lambda: note.exists() or child.poll() is not None, "it listens")
            where = json.loads(note.read_text())
            yield child, f"http://{where['host']}:{where['port']}"
        finally:
            child.send_signal(signal.SIGKILL)


def send_until_cut(connection: socket.socket, data: bytes) -> None:
    with suppress(OSError):
        connection.sendall(data)


def test_killed_service_resumes_at_durable_offset(tmp_path: Path, graphs: Path) -> None:
    home = with_graphs(tmp_path, graphs)
    data = media.wav_header(LONG) + os.urandom(1 << 20) * (LONG >> 20)
    with killed_api(home) as (child, url), httpx2.Client(base_url=url, timeout=300) as client:
        where = Tus(client).created(len(data), "long.wav")
        file = home / "blobs" / "uploads" / where.rpartition("/")[2] / "bytes.part"
        with half_sent(url, where, 0, len(data), b"") as connection:
            sender = Thread(target=send_until_cut, args=[connection, data[:-1]])
            sender.start()
            wait_for(lambda: file.stat().st_size >= REACH, "it is written")
            child.send_signal(signal.SIGKILL)
            child.wait(300)
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            sender.join()
    with killed_api(home) as (_, url), httpx2.Client(base_url=url, timeout=300) as client:
        offset = Tus(client).offset(where)
        assert 0 < offset <= file.stat().st_size
        assert file.read_bytes()[:offset] == data[:offset]
        answer = Tus(client).patch(where, offset, data[offset:])
        assert answer.headers["mm-item"] == hashlib.sha256(data).hexdigest()[:32]
