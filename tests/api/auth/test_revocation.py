"""Requests that are running when their key is revoked or their session ends."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx2
import pytest
from sqlalchemy import text

import mm
from api.http import sse
from mm.errors import Unauthorized, Unavailable
from mm.keys import KeyFile
from tests.api import media
from tests.api.conftest import KeyedServer, assert_problem
from tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TUS = {"Tus-Resumable": "1.0.0"}
BLOCK = bytes(1 << 20)


def revoke_midway(keyed: KeyedServer, key_id: str, blocks: list[bytes]) -> Iterator[bytes]:
    """A body whose key is revoked after its first block, while the request is processed."""

    def stored() -> dict[Path, int]:
        sizes = {}
        for path in keyed.running.blobs():
            with suppress(FileNotFoundError):  # a temporary file that has been renamed meanwhile
                sizes[path] = path.stat().st_size
        return sizes

    before = stored()
    yield blocks[0]
    wait_for(lambda: stored() != before, "the service receives the request")
    keyed.keys.revoke(key_id)
    yield from blocks[1:]


def create_upload(keyed: KeyedServer, headers: dict[str, str], length: int) -> str:
    """The path of a new resumable upload."""
    response = keyed.running.client.post("/v1/uploads", headers={**TUS, **headers, "Upload-Length": str(length)})
    assert response.status_code == 201
    return response.headers["location"]


def chunk_headers(headers: dict[str, str], offset: int) -> dict[str, str]:
    return {**TUS, **headers, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}


def test_upload_of_revoked_key_is_refused_and_leaves_no_file(keyed: KeyedServer) -> None:
    key_id, headers = keyed.key("write")
    before, items = keyed.running.blobs(), keyed.running.service.store.catalog.count_rows().items
    body = revoke_midway(keyed, key_id, [BLOCK, BLOCK, BLOCK])
    response = keyed.running.client.post("/v1/media?name=a.png", content=body, headers=headers)
    assert_problem(response, 401, "unauthorized")
    assert keyed.running.blobs() == before
    assert keyed.running.service.store.catalog.count_rows().items == items


def test_upload_is_refused_when_key_is_revoked_after_last_byte(keyed: KeyedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    key_id, headers = keyed.key("write")
    before = keyed.running.blobs()
    reader = keyed.running.service.reader
    probe = reader.probe

    def probe_and_revoke(*args: object) -> object:
        keyed.keys.revoke(key_id)
        return probe(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(reader, "probe", probe_and_revoke)
    response = keyed.running.client.post("/v1/media?name=a.png", content=media.image(901), headers=headers)
    assert_problem(response, 401, "unauthorized")
    assert keyed.running.blobs() == before


def test_chunk_of_revoked_key_is_refused_and_admin_key_continues(keyed: KeyedServer) -> None:
    key_id, headers = keyed.key("write")
    _, others = keyed.key("admin")
    data = media.video(1.0, seed=902)
    path = create_upload(keyed, headers, len(data))
    half = len(data) // 2
    first = keyed.running.client.patch(path, content=data[:half], headers=chunk_headers(headers, 0))
    assert first.headers["upload-offset"] == str(half)
    rest = [data[half : half + 10], data[half + 10 :]]
    response = keyed.running.client.patch(path, content=revoke_midway(keyed, key_id, rest), headers=chunk_headers(headers, half))
    assert_problem(response, 401, "unauthorized")
    offset = int(keyed.running.client.head(path, headers={**TUS, **others}).headers["upload-offset"])
    assert half <= offset <= half + 10
    done = keyed.running.client.patch(path, content=data[offset:], headers=chunk_headers(others, offset))
    assert (done.status_code, done.headers["mm-created"]) == (204, "true")


def test_create_upload_with_bytes_of_revoked_key_is_deleted(keyed: KeyedServer) -> None:
    key_id, headers = keyed.key("write")
    before = keyed.running.blobs()
    body = revoke_midway(keyed, key_id, [BLOCK, BLOCK])
    whole = {**chunk_headers(headers, 0), "Upload-Length": str(2 << 20)}
    assert_problem(keyed.running.client.post("/v1/uploads", content=body, headers=whole), 401, "unauthorized")
    assert keyed.running.blobs() == before


def create_job(keyed: KeyedServer, number: int) -> str:
    """The job of a new item."""
    _, headers = keyed.key("write")
    response = keyed.running.client.post("/v1/media?name=a.png", content=media.image(number), headers=headers)
    job_id: str = response.json()["job"]["id"]
    return job_id


def read_events_until_end(lines: Iterator[str], act: Callable[[], object]) -> list[tuple[str, object]]:
    """Return names and data of the events; `act` is called after the first one."""
    events: list[tuple[str, object]] = []
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            events.append((name, json.loads(line.removeprefix("data: "))))
            if len(events) == 1:
                act()
    return events


def test_event_stream_of_revoked_key_ends_with_unauthorized_event(keyed: KeyedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.05)  # the job has no events: the heartbeat triggers the check
    key_id, headers = keyed.key("read")
    path = f"/v1/jobs/{create_job(keyed, 903)}/events"
    with keyed.running.client.stream("GET", path, headers=headers) as response:
        events = read_events_until_end(
            response.iter_lines(), lambda: keyed.keys.revoke(key_id)
        )  # raises unless the stream ends cleanly
    assert [name for name, _ in events] == ["job", "unauthorized"]
    assert events[-1][1]["type"] == "/problems/unauthorized"  # type: ignore[index]
    assert keyed.running.client.get(path, headers=headers).status_code == 401


def test_event_stream_of_ended_session_ends(keyed: KeyedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.05)
    path = f"/v1/jobs/{create_job(keyed, 904)}/events"
    with keyed.browser("read") as (browser, _), browser.stream("GET", path) as response:
        cookie = {"Cookie": f"mm_session={browser.cookies['mm_session']}"}
        events = read_events_until_end(response.iter_lines(), lambda: keyed.running.client.delete("/session", headers=cookie))
    assert [name for name, _ in events] == ["job", "unauthorized"]


def test_event_stream_of_expired_session_ends(keyed: KeyedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.05)
    path = f"/v1/jobs/{create_job(keyed, 905)}/events"

    def expire() -> None:
        with keyed.running.service.store.database.write() as session:
            session.execute(text("UPDATE sessions SET expires_at = 1 WHERE key_id = :key"), {"key": key_id})

    with keyed.browser("read") as (browser, key_id), browser.stream("GET", path) as response:
        events = read_events_until_end(response.iter_lines(), expire)
    assert [name for name, _ in events] == ["job", "unauthorized"]


def test_client_events_raise_unauthorized_when_key_is_revoked(keyed: KeyedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.05)
    key_id, headers = keyed.key("read")
    job_id = create_job(keyed, 906)
    with mm.Client(keyed.url, api_key=headers["Authorization"].removeprefix("Bearer ")) as client:
        events = client.events(job_id)
        assert next(events).state == "queued"
        keyed.keys.revoke(key_id)
        with pytest.raises(Unauthorized, match="revoked"):
            list(events)


def test_download_of_revoked_key_is_aborted(keyed: KeyedServer) -> None:
    _, writer = keyed.key("write")
    key_id, headers = keyed.key("read")
    item = keyed.running.client.post("/v1/media?name=a.png", content=media.image(907), headers=writer).json()["item"]
    row = keyed.running.service.store.catalog.get_item(item["id"])
    assert row is not None
    with keyed.running.service.store.blobs.path(row.sha256).open("r+b") as file:
        file.truncate(256 << 20)  # more than socket buffers hold
    path = f"/v1/media/{item['id']}/content"
    received = 0

    def read_on(blocks: Iterator[bytes]) -> None:
        nonlocal received
        for block in blocks:
            received += len(block)

    with keyed.running.client.stream("GET", path, headers={**headers, "Range": "bytes=0-"}) as response:
        assert response.status_code == 206
        blocks = response.iter_bytes()
        received += len(next(blocks))
        keyed.keys.revoke(key_id)
        with pytest.raises(httpx2.RemoteProtocolError):
            read_on(blocks)
    assert received < 256 << 20


def test_search_of_revoked_key_is_refused_before_response(keyed: KeyedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    key_id, headers = keyed.key("read")
    towers = keyed.running.service.towers
    wait = towers.wait

    def revoke_and_wait() -> None:
        keyed.keys.revoke(key_id)
        wait()

    monkeypatch.setattr(towers, "wait", revoke_and_wait)
    response = keyed.running.client.post("/v1/search", json={"text": "a dog"}, headers=headers)
    assert_problem(response, 401, "unauthorized")
    assert "hits" not in response.text


def test_import_of_revoked_key_stops(keyed: KeyedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    root = keyed.running.service.settings.import_root
    assert root is not None
    folder = root / "revoked"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(media.image(910 + number))
    key_id, headers = keyed.key("admin")
    catalog = keyed.running.service.store.catalog
    add_item = catalog.add_item
    before = catalog.count_rows().items

    def add_and_revoke(*args: object) -> object:
        added = add_item(*args)  # type: ignore[arg-type]
        keyed.keys.revoke(key_id)
        return added

    monkeypatch.setattr(type(catalog), "add_item", lambda self, *args: add_and_revoke(*args))
    response = keyed.running.client.post("/v1/media/import", json={"folder": "revoked"}, headers=headers)
    assert_problem(response, 401, "unauthorized")
    assert catalog.count_rows().items == before + 1


def test_completed_change_of_revoked_key_gets_its_response(keyed: KeyedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    key_id, headers = keyed.key("write")
    item = keyed.running.client.post("/v1/media?name=a.png", content=media.image(908), headers=headers).json()["item"]
    library = type(keyed.running.service.library)
    delete_item = library.delete_item

    def delete_and_revoke(self: object, item_id: str) -> None:
        delete_item(self, item_id)  # type: ignore[arg-type]
        keyed.keys.revoke(key_id)

    monkeypatch.setattr(library, "delete_item", delete_and_revoke)
    assert keyed.running.client.delete(f"/v1/media/{item['id']}", headers=headers).status_code == 204
    assert keyed.running.client.get("/v1/media", headers=headers).status_code == 401


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/jobs/JOB/events"])
def test_request_fails_closed_when_session_cannot_be_checked(
    keyed: KeyedServer, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.05)
    path = path.replace("JOB", create_job(keyed, 909))
    _, headers = keyed.key("read")

    def away(self: KeyFile, key_id: str) -> None:
        raise Unavailable("The keys cannot be read.")

    if not path.endswith("/events"):
        monkeypatch.setattr(KeyFile, "get", away)
        assert_problem(keyed.running.client.get(path, headers=headers), 503, "unavailable")
        return
    with keyed.running.client.stream("GET", path, headers=headers) as response:
        events = read_events_until_end(response.iter_lines(), lambda: monkeypatch.setattr(KeyFile, "get", away))
    assert [name for name, _ in events] == ["job"]  # the stream ended, and a client may reconnect
