"""A real service: the application in uvicorn, with store, sandbox and space, but no broker."""

from __future__ import annotations

import functools
import io
import logging
import re
import secrets
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import httpx2
import numpy as np
import pytest
import structlog
import uvicorn
from PIL import Image

from api.app import create_app
from api.limits.protocol import limited_protocol
from mm.keys import KeyFile
from mm.media.types import Span
from mm.settings import Settings
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment
from tests.api import media
from tests.graphs import with_graphs
from tests.waiting import join_thread
from workers.tasks.segment_shards import read_segments, write_segments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from api.limits.resources import Limits
    from api.service import Service
    from mm.keys import Scope

UPLOAD_BYTES = 400 << 20
QUERY_BYTES = 1 << 20


@dataclass(frozen=True)
class ApiServer:
    """A running API server."""

    url: str
    service: Service
    client: httpx2.Client
    limits: Limits

    def upload(self, data: bytes, name: str = "a.png", *tags: str) -> httpx2.Response:
        return self.client.post("/v1/media", params={"name": name, "tag": list(tags)}, content=data)

    def upload_item(self, data: bytes, name: str = "a.png", *tags: str) -> dict[str, str]:
        """Upload a file, and return its item."""
        response = self.upload(data, name, *tags)
        assert response.status_code in {200, 202}, response.text
        item: dict[str, str] = response.json()["item"]
        return item

    def blobs(self) -> set[Path]:
        """Return every file below the blob folder, incomplete ones included."""
        return {path for path in (self.service.settings.root / "blobs").rglob("*") if path.is_file()}


@contextmanager
def run_server(settings: Settings) -> Iterator[ApiServer]:
    """Run a server for the duration of the block."""
    app = create_app(settings)
    http = limited_protocol(app.state.connections, settings)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=http,
            port=0,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the service did not start"
            thread.join(0.02)
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        url = f"http://{host}:{port}"
        hooks = {"response": [make_document_check(read_document())]}
        without_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reads no certificates
        with httpx2.Client(base_url=url, timeout=300, event_hooks=hooks, verify=without_tls) as client:
            yield ApiServer(url, app.state.service, client, app.state.limits)
    finally:
        server.should_exit = True
        join_thread(thread)


@functools.cache
def read_document() -> dict[str, Any]:
    """The OpenAPI document, which no setting changes."""
    return create_app(Settings()).openapi()


def make_document_check(document: dict[str, Any]) -> Callable[[httpx2.Response], None]:
    """Return a hook that checks every response of all tests against the OpenAPI document."""
    routes = {re.compile(re.sub(r"\{\w+\}", "[^/]+", path)): operations for path, operations in document["paths"].items()}

    def check(response: httpx2.Response) -> None:
        method = response.request.method.lower().replace("head", "get")
        path = response.request.url.path
        # A fixed path such as /v1/media/import takes precedence over one with a parameter.
        known = sorted((route for route in routes if route.fullmatch(path)), key=lambda route: "[^/]+" in route.pattern)
        operation = routes[known[0]].get(method) if known else None
        assert operation is None or str(response.status_code) in operation["responses"], (method, path, response.status_code)

    return check


@pytest.fixture(autouse=True, scope="session")
def _quiet() -> None:
    """Disable logs: requests are logged after the response, when the test may have ended."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@pytest.fixture(scope="session")
def import_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("import")


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory, import_root: Path, graphs: Path) -> Iterator[ApiServer]:
    settings = Settings(
        home=with_graphs(tmp_path_factory.mktemp("home"), graphs),
        upload_bytes=UPLOAD_BYTES,
        query_bytes=QUERY_BYTES,
        import_root=import_root,
    )
    with run_server(settings) as service:
        yield service


@dataclass(frozen=True)
class KeyedServer:
    """A server that requires keys."""

    running: ApiServer
    keys: KeyFile

    @property
    def url(self) -> str:
        return self.running.url

    def key(self, scope: Scope) -> tuple[str, dict[str, str]]:
        """Create a key. Returns its id and the header with the key."""
        key, secret = self.keys.add(secrets.token_hex(4), scope)
        return key.id, {"Authorization": f"Bearer {secret}"}

    @contextmanager
    def browser(self, scope: Scope) -> Iterator[tuple[httpx2.Client, str]]:
        """A client that signed in with a new key, and the id of the key."""
        key, secret = self.keys.add(secrets.token_hex(4), scope)
        with httpx2.Client(base_url=self.url, timeout=300) as browser:
            assert browser.post("/session", data={"key": secret}).status_code == 303
            yield browser, key.id


@pytest.fixture(scope="session")
def keyed(tmp_path_factory: pytest.TempPathFactory, import_root: Path, graphs: Path) -> Iterator[KeyedServer]:
    home = with_graphs(tmp_path_factory.mktemp("keyed"), graphs)
    keys = KeyFile(home)
    keys.add("first", "admin")
    settings = Settings(home=home, keys="on", import_root=import_root, wrong_keys_per_minute=10_000)
    with run_server(settings) as service:
        yield KeyedServer(service, keys)


def assert_problem(response: httpx2.Response, status: int, slug: str) -> dict[str, Any]:
    """Assert that a response is a problem of that slug. Returns the document."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["type"] == f"/problems/{slug}"
    assert document["title"]
    assert document["status"] == status
    assert document["request_id"] == response.headers["x-request-id"]
    assert len(document["detail"]) > 10
    return document


@pytest.fixture(scope="session")
def library(api: ApiServer) -> dict[str, str]:
    """Item ids of a talk with two segments, the second about a recipe, and of an image."""
    space = api.service.space
    speech = "here is my recipe for apple cake"
    (frame,) = space.image.embed([np.full((96, 128, 3), 120, np.uint8)])
    picture = np.asarray(Image.open(io.BytesIO(media.image(51))).convert("RGB"))
    talk = [
        EncodedSegment(0.0, 1.0, 0, [EncodedEvidence("picture", 0.0, 1.0, None, frame)]),
        EncodedSegment(1.0, 2.0, 1, [EncodedEvidence("speech", 1.2, 1.9, speech, space.text.embed([speech])[0])]),
    ]
    still = [EncodedSegment(0.0, 0.0, 0, [EncodedEvidence("picture", 0.0, 0.0, None, space.image.embed([picture])[0])])]
    return {
        "talk": add_searchable(api, media.video(3.0, seed=50), "talk.mp4", "kitchen", talk),
        "picture": add_searchable(api, media.image(51), "blocks.png", "abstract", still),
    }


def add_searchable(
    api: ApiServer,
    data: bytes,
    name: str,
    tag: str,
    segments: list[EncodedSegment],
    scenes: Sequence[tuple[float, float]] = (),
) -> str:
    """Upload a file, write its segments as a worker does, and update the index.

    A segment is in the scene that contains its start.
    """
    store, space = api.service.store, api.service.space
    upload = api.upload(data, name, tag).json()
    job_id: str = upload["job"]["id"]
    (chunk,) = store.catalog.plan_job(job_id, space.id, [Span(segments[0].start, segments[-1].end)])
    assert store.catalog.lease_chunk(chunk.pk, "test", 60.0)
    shard_id = write_segments(store.shards, space.id, segments)
    assert store.catalog.finish_chunk(chunk.pk, "test", shard_id)
    rows = [
        replace(row, scene=next((scene for scene in scenes if scene[0] <= row.start < scene[1]), None))
        for row in read_segments(store.shards, space.id, [shard_id])
    ]
    store.catalog.commit_item(job_id, rows)
    api.service.searcher.follower.refresh()
    item_id: str = upload["item"]["id"]
    return item_id
