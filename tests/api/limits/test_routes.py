"""One key reaches all its limits, while another searches, browses and uploads without delay."""

from __future__ import annotations

import threading
from importlib import import_module
from inspect import iscoroutinefunction
from pkgutil import iter_modules
from typing import TYPE_CHECKING

import pytest
from fastapi.routing import APIRoute

import api.routes
from api.limits.resources import CATALOG_SLOTS
from mm.errors import Cancelled
from tests.api import media
from tests.api.conftest import assert_problem
from tests.api.limits.conftest import SECONDS, Flooded, until
from tests.api.uploads.tus import CHUNK_TYPE, Tus

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2

    from mm.media.types import RGB

UPLOAD = "POST /v1/media?name=a.png HTTP/1.1\r\nContent-Length: 1000"
SEARCH = "POST /v1/search HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 1000"
FORM = "POST /v1/search HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000"
EMBED = "POST /v1/embeddings HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 1000"
CREATE = (
    "POST /v1/uploads HTTP/1.1\r\nTus-Resumable: 1.0.0\r\nUpload-Length: 1000\r\n"
    f"Content-Type: {CHUNK_TYPE}\r\nContent-Length: 900"
)


def upload_item(client: httpx2.Client, data: bytes, name: str) -> str:
    response = client.post("/v1/media", params={"name": name}, content=data)
    assert response.status_code in {200, 202}, response.text
    item_id: str = response.json()["item"]["id"]
    return item_id


def assert_usable(client: httpx2.Client, seed: int) -> None:
    """Search, list, upload and get a thumbnail; all must succeed."""
    assert client.post("/v1/search", json={"text": "a dog"}).status_code == 200
    assert client.get("/v1/media").status_code == 200
    item = upload_item(client, media.image(seed), "honest.png")
    assert client.get(f"/v1/media/{item}/thumbnail").status_code == 200
    assert client.get(f"/v1/media/{item}/content", headers={"Range": "bytes=0-9"}).status_code == 206
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503  # a response: there is no worker


def test_every_blocking_route_holds_a_slot() -> None:
    modules = [import_module(f"api.routes.{module.name}") for module in iter_modules(api.routes.__path__)]
    routes = [route for module in modules for route in module.router.routes if isinstance(route, APIRoute)]
    blocking = [route for route in routes if not iscoroutinefunction(route.endpoint)]
    assert len(blocking) > 10
    assert not [route.path for route in blocking if not route.dependencies]
    assert CATALOG_SLOTS < 40, "all of them fit into the framework's pool of 40 threads"


@pytest.mark.parametrize("request_head", [UPLOAD, SEARCH, FORM, EMBED, CREATE], ids=["upload", "search", "form", "embed", "tus"])
def test_stalled_bodies_of_one_key_do_not_block_another(flooded: Flooded, request_head: str) -> None:
    limits = flooded.running.limits
    with flooded.connections(request_head, b"x", 80) as connections:
        assert_usable(flooded.honest, 3000 + len(request_head))
        for limiter in (limits.uploads, limits.query_uploads):
            assert limiter.count_in_use(f"key {_key_id(flooded)}") <= limiter.slots.share
        responses = [connection.recv(4096) for connection in connections]
    statuses = {response.split(b" ")[1] for response in responses if response}
    assert statuses <= {b"408", b"429"}, "each is refused, or ended by the timeout of silence"
    assert b"408" in statuses
    until(lambda: limits.uploads.in_use == limits.query_uploads.in_use == limits.bodies.in_use == 0)


def test_stalled_body_error_names_the_setting(flooded: Flooded) -> None:
    with flooded.connections(SEARCH, b"{") as (connection,):
        response = b"".join(iter(lambda: connection.recv(4096), b""))
    assert b"HTTP/1.1 408" in response
    assert b"/problems/request-timeout" in response
    assert b"MM_BODY_SILENCE_SECONDS" in response


def test_interrupted_chunk_keeps_received_bytes(flooded: Flooded) -> None:
    tus = Tus(flooded.hostile)
    path = tus.create_path(1000)
    head = (
        f"PATCH {path} HTTP/1.1\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: {CHUNK_TYPE}\r\nContent-Length: 1000"
    )
    with flooded.connections(head, b"x" * 100) as (connection,):
        assert b"HTTP/1.1 408" in connection.recv(4096)
    assert tus.offset(path) == 100
    assert tus.delete(path).status_code == 204


@pytest.fixture
def slow_video(flooded: Flooded, monkeypatch: pytest.MonkeyPatch) -> tuple[str, list[threading.Event]]:
    """A video whose thumbnails block until they are cancelled, and their cancel events."""
    video_id = upload_item(flooded.honest, media.video(1.0, seed=77), "slow.mp4")
    reader = flooded.running.service.thumbnails._reader
    decode, running = type(reader).thumbnail, list[threading.Event]()

    def thumbnail(path: Path, name: str, time: float, *, cancelled: threading.Event, **rest: object) -> RGB:
        if name != "slow.mp4":
            return decode(reader, path, name, time, cancelled=cancelled, **rest)  # type: ignore[arg-type]
        running.append(cancelled)
        assert cancelled.wait(SECONDS)
        raise Cancelled("slow.mp4: reading it was cancelled.")

    monkeypatch.setattr(reader, "thumbnail", thumbnail)
    return video_id, running


def test_thumbnails_of_one_key_do_not_block_another(flooded: Flooded, slow_video: tuple[str, list[threading.Event]]) -> None:
    video_id, running = slow_video
    limiter = flooded.running.limits.thumbnails
    mine = f"key {_key_id(flooded)}"
    with flooded.connections(f"GET /v1/media/{video_id}/thumbnail?t=0.5 HTTP/1.1", count=60) as connections:
        until(lambda: limiter.count_in_use(mine) == 1 and limiter.waiting == limiter.queue.share and limiter.refused.total() >= 1)
        assert_usable(flooded.honest, 4000)
        assert limiter.count_in_use(mine) == len(running) == 1
        assert limiter.waiting == limiter.queue.share
        refused = connections[-1].recv(4096)
    assert b"HTTP/1.1 429" in refused
    assert b"etry-after" in refused.lower()
    until(lambda: limiter.in_use == limiter.waiting == 0)
    assert all(event.is_set() for event in running)


def test_requests_waiting_for_catalog_leave_when_disconnected(flooded: Flooded, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter, may_end = flooded.running.limits.catalog, threading.Event()

    def tags(limit: int) -> list[tuple[str, int]]:
        assert may_end.wait(SECONDS)
        return []

    with monkeypatch.context() as patch:
        patch.setattr(type(flooded.running.service.store.catalog), "list_tags", lambda catalog, limit: tags(limit))
        try:
            with flooded.connections("GET /v1/tags HTTP/1.1", count=limiter.slots.share) as working:
                until(lambda: limiter.in_use == limiter.slots.share)
                with flooded.connections("GET /v1/tags HTTP/1.1", count=20):
                    until(lambda: limiter.waiting == 20)
                    assert_usable(flooded.honest, 4700)
                until(lambda: limiter.waiting == 0)
                assert limiter.in_use == limiter.slots.share
                may_end.set()
                assert all(connection.recv(4096).startswith(b"HTTP/1.1 200") for connection in working)
        finally:
            may_end.set()
    until(lambda: limiter.in_use == 0)


def test_event_streams_are_limited_and_end_with_connection(flooded: Flooded) -> None:
    response = flooded.honest.post("/v1/media", params={"name": "followed.png"}, content=media.image(4500))
    events = f"/v1/jobs/{response.json()['job']['id']}/events"
    limiter = flooded.running.limits.event_streams
    with flooded.connections(f"GET {events} HTTP/1.1", count=limiter.slots.share) as connections:
        until(lambda: limiter.in_use == limiter.slots.share)
        assert all(b"200 OK" in connection.recv(4096) for connection in connections)
        assert_problem(flooded.hostile.get(events), 429, "too-many")
        with flooded.honest.stream("GET", events) as stream:
            assert stream.status_code == 200
        assert_usable(flooded.honest, 4501)
    until(lambda: limiter.in_use == 0)


def test_unread_downloads_are_limited_and_end_with_connection(flooded: Flooded) -> None:
    item = upload_item(flooded.honest, media.audio(100.0), "long.wav")
    limiter = flooded.running.limits.downloads
    with flooded.connections(f"GET /v1/media/{item}/content HTTP/1.1", count=limiter.slots.share + 6):
        until(lambda: limiter.in_use == limiter.slots.share and limiter.refused.total() >= 6)
        assert_usable(flooded.honest, 4600)
    until(lambda: limiter.in_use == 0)


def test_empty_uploads_of_one_key_do_not_block_another(flooded: Flooded) -> None:
    hostile, honest = Tus(flooded.hostile), Tus(flooded.honest)
    created = [hostile.create_path(10) for _ in range(4)]
    refused = hostile.create(10)
    assert "MM_MAX_PARTIAL_UPLOADS_PER_KEY" in assert_problem(refused, 429, "too-many")["detail"]
    path = honest.create_path(3)
    assert honest.patch(path, 0, b"ab").status_code == 204
    for upload in created:
        assert hostile.delete(upload).status_code == 204
    assert honest.delete(path).status_code == 204


def test_upload_is_accessible_to_its_key_and_admin_keys(flooded: Flooded) -> None:
    mine, other, admin = Tus(flooded.honest), Tus(flooded.hostile), Tus(flooded.admin)
    path = mine.create_path(10)
    assert other.head(path).status_code == 404
    assert_problem(other.patch(path, 0, b"ab"), 404, "not-found")
    assert_problem(other.delete(path), 404, "not-found")
    assert mine.patch(path, 0, b"ab").status_code == 204
    assert admin.offset(path) == 2
    assert admin.delete(path).status_code == 204


def test_metrics_show_limits_in_use_and_refused(flooded: Flooded) -> None:
    with flooded.connections(UPLOAD, b"x", 1):
        until(lambda: flooded.running.limits.uploads.in_use == 1)
        text = flooded.admin.get("/metrics").text
    assert 'mm_limit_used{resource="uploads"} 1.0' in text
    assert 'mm_limit_places{resource="uploads"} 64.0' in text
    assert 'mm_limit_refused_total{reason="caller",resource="event_streams"}' in text
    assert 'mm_limit_used{resource="connections"}' in text


def _key_id(flooded: Flooded) -> str:
    return str(flooded.hostile.headers["authorization"]).removeprefix("Bearer ").split("_")[1]
