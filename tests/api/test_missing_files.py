"""Files of the library that disappear while the service runs: every response is a specific error
without a path."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
import structlog

from indexes.storage.content_addressed import DIGEST
from mm.settings import Settings
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment
from tests.api import media
from tests.api.conftest import ApiServer, add_searchable, assert_problem, run_server
from tests.graphs import with_graphs

SAID = "here is my recipe for apple cake"


@pytest.fixture
def served(tmp_path: Path, graphs: Path) -> Iterator[ApiServer]:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
    )  # formatting of stacks takes seconds
    with run_server(Settings(home=with_graphs(tmp_path / "home", graphs), import_root=tmp_path)) as api:
        yield api


@pytest.fixture
def talk(served: ApiServer) -> str:
    """A video with speech and a thumbnail."""
    (vector,) = served.service.space.text.embed([SAID])
    segment = EncodedSegment(0.0, 1.0, 0, [EncodedEvidence("speech", 0.2, 0.9, SAID, vector)])
    item = add_searchable(served, media.video(1.0, seed=50), "talk.mp4", "kitchen", [segment])
    assert served.client.get(f"/v1/media/{item}/thumbnail").status_code == 200
    return item


def delete_files(*folders: str) -> Callable[[ApiServer], None]:
    """Delete every file below some folders, except the identity files."""

    def harm(served: ApiServer) -> None:
        for folder in folders:
            for path in (served.service.settings.root / folder).rglob("*"):
                if (path.is_file() and DIGEST.match(path.name)) or ("thumbnails" in path.parts and path.is_file()):
                    path.unlink()

    return harm


def unmount(served: ApiServer) -> None:
    for folder in ("blobs", "shards"):
        shutil.rmtree(served.service.settings.root / folder)
        (served.service.settings.root / folder).mkdir()


def truncate(served: ApiServer) -> None:
    """Checkpoint the write-ahead log first: its content would survive."""
    catalog = served.service.settings.root / "catalog.db"
    with closing(sqlite3.connect(catalog)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    os.truncate(catalog, 8192)


def make_requests(served: ApiServer, item: str) -> Iterator[httpx2.Request]:
    """Yield at least one request for each route of the document, with ids that exist."""
    client = served.client
    job = client.get("/v1/jobs").json()["data"][0]["id"]
    tus = {"Tus-Resumable": "1.0.0"}
    begun = client.post("/v1/uploads", headers={**tus, "Upload-Length": "100"})
    names = defaultdict(
        lambda: "0" * 32,
        {"item_id": item, "job_id": job, "upload_id": begun.headers["Mm-Upload"], "space_id": "lite@1", "model_id": "lite@1"},
    )
    bodies: dict[str, list[dict[str, object]]] = {
        "/v1/search": [{"json": {"text": "apple cake"}}, {"json": {"like": {"item": item, "time": 0.5}}}],
        "/v1/embeddings": [{"json": {"input": ["a dog"], "model": "lite@1"}}],
        "/v1/media": [{"content": media.image(99), "params": {"name": "b.png"}}, {"content": media.video(1.0, seed=50)}],
        "/v1/media/import": [{"json": {"folder": "."}}],
        "/v1/uploads": [{"headers": {**tus, "Upload-Length": "10"}}],
        "/v1/space/move": [{"json": {"to": "lite"}}],
    }
    document = client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method in operations:
            address = path.format_map(names)
            if method == "delete" and "/media/" in path:
                continue  # last, separately
            headers = {**tus, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
            variants: list[dict[str, object]] = bodies.get(path, [{}]) if method == "post" else [{}]
            if path.startswith("/v1/uploads/"):
                variants = [{"headers": headers, **({"content": b"x"} if method == "patch" else {})}]
            for variant in variants:
                yield client.build_request(method.upper(), address, **variant)  # type: ignore[arg-type]
    yield client.build_request("HEAD", f"/v1/media/{item}/content")
    yield client.build_request("GET", f"/v1/media/{item}/content", headers={"Range": "bytes=0-9"})
    yield client.build_request("DELETE", f"/v1/media/{item}")


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(delete_files("blobs", "cache/thumbnails"), id="blobs"),
        pytest.param(delete_files("shards"), id="shards"),
        pytest.param(delete_files("blobs", "shards", "cache/thumbnails"), id="both"),
        pytest.param(unmount, id="not mounted"),
        pytest.param(truncate, id="catalog truncated"),
    ],
)
def test_routes_with_missing_files_fail_by_documented_error_without_a_path(
    served: ApiServer, talk: str, harm: Callable[[ApiServer], None]
) -> None:
    sent = list(make_requests(served, talk))
    assert len({request.url.path for request in sent}) >= 20
    harm(served)
    home = str(served.service.settings.root)
    statuses: dict[str, int] = {}
    for request in sent:
        response = served.client.send(request)
        label = f"{request.method} {request.url.path}"
        statuses[label] = response.status_code
        assert response.status_code != 500, (label, response.text)
        assert home not in response.text, label
        assert str(served.service.settings.root.parent) not in response.text, label
        if response.status_code >= 500 and request.url.path != "/readyz" and request.method != "HEAD":
            assert response.json()["type"] in {"/problems/unavailable", "/problems/wrong-library"}, (label, response.text)
    assert statuses["GET /healthz"] == 200


def test_content_of_missing_blob_is_missing_data(served: ApiServer, talk: str) -> None:
    delete_files("blobs", "cache/thumbnails")(served)
    for path in ("content", "thumbnail"):
        problem = assert_problem(served.client.get(f"/v1/media/{talk}/{path}"), 410, "missing-data")
        assert "backup" in problem["detail"]
    again = served.upload(media.video(1.0, seed=50), "talk.mp4")
    assert again.status_code == 200
    assert served.client.get(f"/v1/media/{talk}/content").content == media.video(1.0, seed=50), "uploaded again, they exist again"


def test_search_like_with_missing_shard_is_missing_data(served: ApiServer, talk: str) -> None:
    delete_files("shards")(served)
    response = served.client.post("/v1/search", json={"like": {"item": talk, "time": 0.5}})
    assert "backup" in assert_problem(response, 410, "missing-data")["detail"]
    assert served.client.post("/v1/search", json={"text": SAID, "floor": 0}).json()["hits"], (
        "searches use the index and need no blobs"
    )


def read_checks(served: ApiServer) -> dict[str, dict[str, object]]:
    response = served.client.get("/readyz")
    return {check["name"]: check for check in response.json()["checks"]}


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        pytest.param(truncate, "--rebuild", id="truncated"),
        pytest.param(lambda served: (served.service.settings.root / "catalog.db").unlink(), "removed or replaced", id="removed"),
        pytest.param(unmount, "not mounted", id="blobs not mounted"),
    ],
)
def test_readiness_fails_when_catalog_or_folder_disappears(
    served: ApiServer, talk: str, harm: Callable[[ApiServer], None], sentence: str
) -> None:
    assert read_checks(served)["catalog"]["ok"]
    harm(served)
    catalog = read_checks(served)["catalog"]
    assert not catalog["ok"]
    assert sentence in str(catalog["detail"])


def test_readiness_reports_refused_garbage(served: ApiServer) -> None:
    assert read_checks(served)["garbage"]["ok"]
    with served.service.store.database.begin_write() as connection:
        connection.exec_driver_sql("UPDATE library SET identity = 'another'")
    served.service.store.sweep(0.0)
    garbage = read_checks(served)["garbage"]
    assert not garbage["ok"]
    assert not garbage["required"]
    assert "different libraries" in str(garbage["detail"])
