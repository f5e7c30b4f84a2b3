"""A library that an earlier version made opens and answers the same.

`library.tar.xz` is the home folder, `responses.json` what the API of that version returned for it.
The archive is stored because no later version can make it: photos, audio, videos, text in an image,
a deleted item, an API key, a resumable upload of which 100 bytes arrived, and a video that was
added just before the service was stopped.
"""

from __future__ import annotations

import json
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mm.keys import KeyFile
from tests.graphs import with_graphs
from tests.service_process import run_service
from tests.waiting import wait_for

pytestmark = pytest.mark.xdist_group("upgrade")

FOLDER = Path(__file__).parent
RECORDED: dict[str, Any] = json.loads((FOLDER / "responses.json").read_text())
KEY = "mm_0f91e69336f6_YJ73d0SjQiaT3YB_Usq3hAgsit59zq_bfgvQTSAvg2w"
"""Of the stored library alone."""
LATE = RECORDED["late"]
"""The item whose encoding was interrupted."""
RECORDED_ITEMS = {"items": [item["id"] for item in RECORDED["media"]["items"]]}
"""Filter of a query: all items but the late one."""
TUS = {"Tus-Resumable": "1.0.0"}
SCORE_TOLERANCE = 0.005
NEW_FIELDS = {"caption": None}
NEW_ITEM_FIELDS = NEW_FIELDS | {
    "capture": None,
    "notes": [],
    "read_pictures": 0,
    "failed_pictures": 0,
    "favourite": False,
    "version": 1,
    "language": None,
    "languages": [],
}
"""Of items and segments: the earlier version did not return them."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Path:
    folder = tmp_path_factory.mktemp("upgrade")
    with tarfile.open(FOLDER / "library.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    for path in folder.glob("home/blobs/uploads/*/info.json"):
        # The archive is older than the time for which an unfinished upload is kept.
        path.write_text(json.dumps(json.loads(path.read_text()) | {"expires_at": time.time() + 3600}))
    return with_graphs(folder / "home", graphs)


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[httpx2.Client]:
    """The service of this version on the stored library, once the interrupted item is encoded."""
    with run_service(home) as service, httpx2.Client(base_url=service.url, timeout=300) as client:
        wait_for(lambda: _item(client, LATE)["status"] != "processing", "the interrupted item is encoded")
        yield client


def _item(client: httpx2.Client, item_id: str) -> dict[str, Any]:
    response = client.get(f"/v1/media/{item_id}")
    assert response.status_code == 200, response.text
    item: dict[str, Any] = response.json()
    return item


def _without_late(entries: list[dict[str, Any]], field: str) -> list[dict[str, Any]]:
    return [entry for entry in entries if entry[field] != LATE]


def _hits(response: httpx2.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    hits: list[dict[str, Any]] = response.json()["hits"]
    return hits


def _assert_same_hits(hits: list[dict[str, Any]], recorded: list[dict[str, Any]]) -> None:
    """Same moments in the same order, with the same reasons, and nearly the same scores.

    Scores of the earlier version did not depend on how the words match, and it compared short texts
    with images by their vector alone; it had no band `weak`.
    """
    exact = ("start", "end", "best_start", "best_end", "scene_start", "scene_end", "thumbnail", "media")
    assert len(hits) == len(recorded)
    for hit, before in zip(hits, recorded, strict=True):
        assert hit["item"] == before["item"] | NEW_ITEM_FIELDS
        assert {name: hit[name] for name in exact} == {name: before[name] for name in exact}
        if all(evidence["kind"] != "picture" for evidence in hit["evidence"]):
            assert hit["score"] == pytest.approx(before["score"], abs=SCORE_TOLERANCE)
        assert [(evidence["kind"], evidence["text"]) for evidence in hit["evidence"]] == [
            (evidence["kind"], evidence["text"]) for evidence in before["evidence"]
        ]
        scores, recorded_scores = (
            [evidence["score"] for evidence in each["evidence"] if evidence["kind"] != "picture"] for each in (hit, before)
        )
        assert scores == pytest.approx(recorded_scores, abs=SCORE_TOLERANCE)


def test_items_of_an_earlier_version_are_listed_unchanged(client: httpx2.Client) -> None:
    recorded = [item | NEW_ITEM_FIELDS for item in RECORDED["media"]["items"]]
    assert _without_late(client.get("/v1/media").json()["items"], "id") == recorded


def test_interrupted_item_is_encoded_and_searchable(client: httpx2.Client) -> None:
    assert _item(client, LATE)["status"] == "ready"
    assert client.get(f"/v1/media/{LATE}/segments").json()["segments"]


def test_tags_of_an_earlier_version_are_unchanged(client: httpx2.Client) -> None:
    assert client.get("/v1/tags").json() == RECORDED["tags"]


def test_space_is_unchanged_except_for_the_interrupted_item(client: httpx2.Client) -> None:
    space = client.get("/v1/space").json()
    assert space["spaces"].pop() == {"id": "lite@1", "items": len(RECORDED["media"]["items"]) + 1, "role": "served"}
    assert space == {**RECORDED["space"], "spaces": []}


def test_jobs_of_an_earlier_version_are_unchanged(client: httpx2.Client) -> None:
    recorded = [job | {"kind": "ingest"} for job in RECORDED["jobs"]["data"]]
    assert _without_late(client.get("/v1/jobs").json()["data"], "item_id") == recorded


def test_audit_log_of_an_earlier_version_keeps_its_entries(client: httpx2.Client) -> None:
    entries = {entry["id"]: entry for entry in client.get("/v1/audit").json()["entries"]}
    for recorded in RECORDED["audit"]["entries"]:
        assert entries[recorded["id"]] == recorded


@pytest.mark.parametrize("name", list(RECORDED["segments"]))
def test_segments_of_an_item_are_unchanged(client: httpx2.Client, name: str) -> None:
    item_id = next(item["id"] for item in RECORDED["media"]["items"] if item["name"] == name)
    recorded = RECORDED["segments"][name]
    expected = recorded | {"segments": [segment | NEW_FIELDS for segment in recorded["segments"]]}
    assert client.get(f"/v1/media/{item_id}/segments").json() == expected


@pytest.mark.parametrize("text", list(RECORDED["text"]))
def test_text_query_returns_the_same_hits(client: httpx2.Client, text: str) -> None:
    query = {"text": text, "floor": 0.0, "filters": RECORDED_ITEMS}
    _assert_same_hits(_hits(client.post("/v1/search", json=query)), RECORDED["text"][text]["hits"])


def test_query_by_a_stored_moment_returns_the_same_hits(client: httpx2.Client) -> None:
    item_id = next(item["id"] for item in RECORDED["media"]["items"] if item["name"] == "VID_0007.mkv")
    query = {"like": {"item": item_id, "time": 1.0}, "floor": 0.0, "filters": RECORDED_ITEMS}
    _assert_same_hits(_hits(client.post("/v1/search", json=query)), RECORDED["like"]["hits"])


@pytest.mark.parametrize(("field", "name"), [("picture", "IMG_0001.png"), ("clip", "autumn market.mp4")])
def test_stored_bytes_as_a_query_find_their_item(client: httpx2.Client, field: str, name: str) -> None:
    item_id = next(item["id"] for item in RECORDED["media"]["items"] if item["name"] == name)
    content = client.get(f"/v1/media/{item_id}/content").content
    hits = _hits(client.post("/v1/search", files={field: (name, content)}))
    assert hits[0]["item"]["id"] == RECORDED[field]["hits"][0]["item"]["id"] == item_id


def test_item_deleted_in_an_earlier_version_stays_deleted(client: httpx2.Client) -> None:
    deleted = next(entry for entry in RECORDED["audit"]["entries"] if entry["action"] == "item.delete")
    assert client.get(f"/v1/media/{deleted['subject']}").status_code == 404


def test_resumable_upload_resumes_at_its_offset(client: httpx2.Client) -> None:
    upload = RECORDED["upload"]
    assert client.head(upload, headers=TUS).headers["Upload-Offset"] == "100"
    item_id = next(item["id"] for item in RECORDED["media"]["items"] if item["name"] == "IMG_0001.png")
    rest = client.get(f"/v1/media/{item_id}/content").content[100:]
    headers = {**TUS, "Upload-Offset": "100", "Content-Type": "application/offset+octet-stream"}
    assert client.patch(upload, content=rest, headers=headers).status_code == 204


def test_key_of_an_earlier_version_is_valid(home: Path) -> None:
    key = KeyFile(home).find(KEY)
    assert key is not None
    assert (key.name, key.scope) == ("laptop", "write")
