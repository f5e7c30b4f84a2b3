"""The whole service with real processes: upload, wait, search, read, delete."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import numpy as np
import pytest
from PIL import Image

from mm.settings import Settings
from tests.api import media
from tests.api.test_process import process
from tests.graphs import with_graphs
from tests.workers.broker import Broker
from tests.workers.process import WorkerProcess
from tests.workers.videos import SPEECH, create_video

Client = httpx2.Client


@pytest.fixture
def client(tmp_path: Path, graphs: Path) -> Iterator[Client]:
    (tmp_path / "broker").mkdir()
    broker = Broker(tmp_path / "broker")
    broker.start()
    settings = Settings(home=with_graphs(tmp_path / "home", graphs), broker_url=broker.url, sweep_seconds=0.5)
    try:
        with (
            process(settings.root, MM_BROKER_URL=broker.url) as (_, url),
            WorkerProcess(settings, tmp_path / "worker.log"),
            httpx2.Client(base_url=url, timeout=300) as client,
        ):
            yield client
    finally:
        broker.stop()


def upload(client: Client, data: bytes, name: str) -> tuple[str, list[dict[str, object]]]:
    """Upload and wait for the end of the job. Returns the item id and all events."""
    response = client.post("/v1/media", params={"name": name}, content=data)
    assert response.status_code == 202, response.text
    with client.stream("GET", f"{response.headers['location']}/events") as stream:
        events = [json.loads(line.removeprefix("data: ")) for line in stream.iter_lines() if line.startswith("data: ")]
    item_id: str = response.json()["item"]["id"]
    return item_id, events


def search(client: Client, **files: bytes) -> list[dict[str, object]]:
    """Hits of a search with files."""
    response = client.post("/v1/search", files={field: (field, data) for field, data in files.items()})
    assert response.status_code == 200, response.text
    hits: list[dict[str, object]] = response.json()["hits"]
    return hits


def item_ids(hits: list[dict[str, object]]) -> list[str]:
    return [str(hit["item"]["id"]) for hit in hits]  # type: ignore[index]


def test_uploaded_media_is_found_by_each_kind_of_query_until_deleted(client: Client) -> None:
    files = {
        "picture": (media.image(7, (320, 240)), "IMG_0001.png"),
        "sound": (SPEECH.read_bytes(), "REC_0002.wav"),
        "film": (create_video(12.0, scene_seconds=4.0), "autumn market.mp4"),
    }
    ids = {}
    for what, (data, name) in files.items():
        ids[what], events = upload(client, data, name)
        assert [event["state"] for event in events][-1] == "done", events
        assert events[-1]["progress"] == 1.0

    assert item_ids(search(client, picture=files["picture"][0]))[0] == ids["picture"]
    assert item_ids(search(client, clip=create_video(12.0, scene_seconds=4.0)))[0] == ids["film"]
    spoken = search(client, sound=SPEECH.read_bytes())
    assert item_ids(spoken)[0] == ids["sound"]

    named = client.post("/v1/search", json={"text": "autumn market"}).json()["hits"]
    assert item_ids(named)[0] == ids["film"]
    assert "name" in {piece["kind"] for piece in named[0]["evidence"]}
    thumbnail = client.get(named[0]["thumbnail"])
    assert max(Image.open(io.BytesIO(thumbnail.content)).size) <= 320
    assert client.get(named[0]["media"], headers={"range": "bytes=0-99"}).content == files["film"][0][:100]

    noise = np.random.default_rng(0).bytes(2000)
    assert client.post("/v1/media", params={"name": "noise.mp4"}, content=noise).status_code == 415

    for item_id in ids.values():
        assert client.delete(f"/v1/media/{item_id}").status_code == 204
    assert client.get("/v1/media").json() == {"items": [], "next": None, "total": None}
    assert wait_for_no_hits(client, files["picture"][0])


def wait_for_no_hits(client: Client, picture: bytes) -> bool:
    """Whether a search finds nothing after a short time."""
    return any(not search(client, picture=picture) for _ in range(200))
