"""Resumable uploads over broken connections, to a real service."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

import mm
from mm.cli.batch_upload import BatchUpload
from mm.cli.progress import NullProgress
from mm.cli.resume_notes import ResumeNotes
from mm.client import resumable
from mm.errors import Unavailable, UnsupportedMedia
from mm.settings import Settings
from tests.api import media
from tests.api.conftest import ApiServer, run_server
from tests.graphs import with_graphs
from tests.waiting import join_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.client.conftest import ClientKind

SIZE = 9 << 20


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Iterator[ApiServer]:
    with run_server(Settings(home=with_graphs(tmp_path_factory.mktemp("home"), graphs))) as service:
        yield service


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(resumable, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.wav"
    path.write_bytes(b"".join(media.long_audio(SIZE)))
    return path


@contextmanager
def breaking_proxy(url: str, budgets: list[int]) -> Iterator[str]:
    """A proxy that closes each connection after so many bytes to the service; the connections
    after `budgets` are not closed."""
    target = urlsplit(url)

    def carry(source: socket.socket, sink: socket.socket, budget: int) -> None:
        with suppress(OSError):
            while budget > 0 and (data := source.recv(min(65536, budget))):
                sink.sendall(data)
                budget -= len(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()  # later data is answered with a reset; otherwise its sender would wait

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client_side, _ = listener.accept()
                service_side = socket.create_connection((target.hostname or "", target.port or 0))
                budget = budgets.pop(0) if budgets else 1 << 40
                for ends in ((client_side, service_side, budget), (service_side, client_side, 1 << 40)):
                    threading.Thread(target=carry, args=ends, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=[listener], daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        join_thread(thread)


def test_large_upload_resumes_after_broken_connections(api: ApiServer, kind: ClientKind, large: Path) -> None:
    large.write_bytes(large.read_bytes() + bytes(2 * kind.asynchronous))  # a different file for each client
    reported: list[float] = []
    with breaking_proxy(api.url, [3 << 20, 2 << 20, 1 << 20]) as url:
        upload = kind.call(url, "add", large, tags=["a b", "c"], on_progress=lambda share, stage: reported.append(share))
    assert upload.created
    assert (upload.item.name, upload.item.tags, upload.item.size) == ("large.wav", ["a b", "c"], large.stat().st_size)
    assert api.client.get(f"/v1/media/{upload.item.id}/content").content == large.read_bytes()
    assert reported[-1] == 1.0
    assert not kind.call(api.url, "add", large).created


def test_large_upload_raises_unavailable_after_all_retries(api: ApiServer, large: Path) -> None:
    with breaking_proxy(api.url, [1 << 20] + [200] * 20) as url, mm.Client(url) as client, pytest.raises(Unavailable):
        client.add(large)


def test_refused_large_upload_is_not_retried(api: ApiServer, tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    path.write_bytes(b"no media " * (SIZE // 9 + 1))
    reported: list[str] = []
    with mm.Client(api.url) as client, pytest.raises(UnsupportedMedia):
        client.add(path, on_upload=reported.append)
    assert len(reported) == 1


def test_expired_upload_starts_again(api: ApiServer, large: Path) -> None:
    reported: list[str] = []
    with mm.Client(api.url) as client:
        upload = client.add(large, upload="/v1/uploads/" + "0" * 32, on_upload=reported.append)
    assert upload.item.size == SIZE + 44
    assert len(reported) == 1


def test_mm_add_resumes_after_interrupt(api: ApiServer, large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large.write_bytes(large.read_bytes() + bytes(4))
    first: list[float] = []

    @contextmanager
    def interrupting(self: NullProgress, name: str) -> Iterator[object]:
        def report(share: float, stage: str) -> None:
            first.append(share)
            if share > 0.5 and len(first) < 100:
                raise KeyboardInterrupt

        yield report

    with mm.Client(api.url) as client:
        with monkeypatch.context() as patch:
            patch.setattr(NullProgress, "task", interrupting)
            with pytest.raises(KeyboardInterrupt):
                BatchUpload(client, ["x"], NullProgress(), as_json=True).send([large])
        again: list[float] = []

        @contextmanager
        def listening(self: NullProgress, name: str) -> Iterator[object]:
            yield lambda share, stage: again.append(share)

        monkeypatch.setattr(NullProgress, "task", listening)
        ingest = BatchUpload(client, ["x"], NullProgress(), as_json=True)
        ingest.send([large])
    assert again[0] > 0.3, "the uploaded part was not sent again"
    (sent,) = ingest._sent
    assert sent[1].item.size == large.stat().st_size
    assert ResumeNotes().find_upload(large, ["x"]) is None
