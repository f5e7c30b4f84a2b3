"""PATCH of an item, bulk changes and the trash over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np
import pytest

from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment
from tests.api import media
from tests.api.conftest import ApiServer, add_searchable, assert_problem

UNKNOWN = "0" * 32
SEEDS = count()


def find_names(api: ApiServer, text: str) -> list[str]:
    """Names of the items whose name is evidence for a text."""
    hits = api.client.post("/v1/search", json={"text": text, "k": 50, "floor": 0}).json()["hits"]
    return [hit["item"]["name"] for hit in hits if any(piece["kind"] == "name" for piece in hit["evidence"])]


@pytest.fixture
def searchable(api: ApiServer) -> Iterator[str]:
    frame = api.service.space.image.embed([np.full((96, 128, 3), 90, np.uint8)])[0]
    words = api.service.space.sentences.embed(["old harbour"])[0]
    evidence = [EncodedEvidence("picture", 0.0, 0.0, None, frame), EncodedEvidence("name", 0.0, 0.0, "old harbour", words)]
    data = media.image(4000 + next(SEEDS))
    item = add_searchable(api, data, "old harbour.png", "edits", [EncodedSegment(0.0, 0.0, 0, evidence)])
    yield item
    api.client.post("/v1/media/bulk", json={"items": [item], "action": "delete"})
    api.client.post("/v1/media/bulk", json={"items": [item], "action": "delete-for-good"})


def test_patch_changes_item_and_searches_follow_the_new_name(api: ApiServer, searchable: str) -> None:
    path = f"/v1/media/{searchable}"
    assert "old harbour.png" in find_names(api, "old harbour")
    item = api.client.patch(path, json={"name": "folder/ferry at dawn.png", "add_tags": ["sea"], "favourite": True}).json()
    assert (item["name"], item["favourite"], sorted(item["tags"])) == ("ferry at dawn.png", True, ["edits", "sea"])
    assert "ferry at dawn.png" in find_names(api, "ferry at dawn")
    found = api.client.post("/v1/search", json={"text": "old harbour", "k": 50, "floor": 0}).json()["hits"]
    assert "old harbour" not in {piece["text"] for hit in found for piece in hit["evidence"]}
    assert [entry["id"] for entry in api.client.get("/v1/media", params={"favourite": True}).json()["items"]] == [searchable]
    only = {"text": "ferry", "floor": 0, "filters": {"favourite": True}}
    assert {hit["item"]["id"] for hit in api.client.post("/v1/search", json=only).json()["hits"]} == {searchable}
    assert_problem(api.client.patch(path, json={"favourite": False, "version": 1}), 409, "conflict")
    assert api.client.patch(path, json={"favourite": False, "version": item["version"]}).json()["favourite"] is False


@pytest.mark.parametrize(
    "body", [{"name": " "}, {"name": "../.."}, {"add_tags": ["x" * 65]}, {"favourite": "maybe"}, {"nme": "x"}]
)
def test_patch_with_invalid_values_is_refused(api: ApiServer, searchable: str, body: dict[str, object]) -> None:
    assert_problem(api.client.patch(f"/v1/media/{searchable}", json=body), 400, "invalid-input")
    assert_problem(api.client.patch(f"/v1/media/{UNKNOWN}", json={"favourite": True}), 404, "not-found")


def test_bulk_answers_for_each_id_and_is_idempotent(api: ApiServer) -> None:
    ids = [api.upload_item(media.image(4100 + number))["id"] for number in range(2)]

    def change(**body: object) -> list[str]:
        response = api.client.post("/v1/media/bulk", json={"items": [*ids, UNKNOWN, ids[0]], **body})
        assert response.status_code == 200, response.text
        assert [result["id"] for result in response.json()["results"]] == [*ids, UNKNOWN]
        return [result["outcome"] for result in response.json()["results"]]

    changed, unchanged = ["changed", "changed", "not-found"], ["unchanged", "unchanged", "not-found"]
    assert change(add_tags=["bulk"], favourite=True) == changed
    assert change(add_tags=["bulk"], favourite=True) == unchanged
    assert change(action="delete") == changed
    assert change(action="delete") == unchanged
    assert change(favourite=False) == ["not-found"] * 3
    assert change(action="restore") == changed
    assert change(action="delete-for-good") == ["not-found"] * 3
    assert change(action="delete") == changed
    assert change(action="delete-for-good") == changed
    assert change(action="restore") == ["not-found"] * 3


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        ({"items": []}, 400, "invalid-input"),
        ({"items": ["x"]}, 400, "invalid-input"),
        ({"items": ["x"], "action": "burn"}, 400, "invalid-input"),
        ({"items": ["x"], "action": "delete", "favourite": True}, 400, "invalid-input"),
        ({"items": [f"{number:032x}" for number in range(10_000)], "favourite": True}, 413, "too-large"),
    ],
)
def test_bulk_with_invalid_requests_is_refused(api: ApiServer, body: dict[str, object], status: int, slug: str) -> None:
    assert_problem(api.client.post("/v1/media/bulk", json=body), status, slug)


def test_deleted_item_is_listed_in_the_trash_and_restored_searchable(api: ApiServer, searchable: str) -> None:
    path = f"/v1/media/{searchable}"
    assert api.client.delete(path).status_code == 204
    refused = api.client.get(path)
    assert_problem(refused, 404, "not-found")
    assert "is in the trash" in refused.json()["detail"]
    assert_problem(api.client.patch(path, json={"favourite": True}), 404, "not-found")
    assert "old harbour.png" not in find_names(api, "old harbour")
    page = api.client.get("/v1/trash", params={"limit": 1}).json()
    assert (page["items"][0]["item"]["id"], page["days"], page["total"] >= 1) == (searchable, 30, True)
    assert page["size"] > 0
    assert page["items"][0]["expires_at"] > page["items"][0]["trashed_at"]
    assert api.client.get(f"{path}/thumbnail").headers["content-type"] == "image/webp"
    for _ in range(2):
        assert api.client.post(f"{path}/restore").json()["status"] == "ready"
    assert "old harbour.png" in find_names(api, "old harbour")
    assert_problem(api.client.delete(f"/v1/trash/{searchable}"), 409, "conflict")
    assert_problem(api.client.post(f"/v1/media/{UNKNOWN}/restore"), 404, "not-found")
    assert_problem(api.client.delete(f"/v1/trash/{UNKNOWN}"), 404, "not-found")


def test_upload_of_trashed_bytes_restores_the_item(api: ApiServer, searchable: str) -> None:
    data = api.client.get(f"/v1/media/{searchable}/content").content
    assert api.client.delete(f"/v1/media/{searchable}").status_code == 204
    again = api.upload(data, "again.png", "again")
    assert (again.status_code, again.json()["item"]["name"]) == (200, "old harbour.png")
    assert "old harbour.png" in find_names(api, "old harbour")


def test_empty_trash_deletes_what_is_in_it_for_good(api: ApiServer) -> None:
    before = api.blobs()
    item = api.upload_item(media.image(4200))["id"]
    kept = api.upload_item(media.image(4201))["id"]
    api.client.delete(f"/v1/media/{item}")
    emptied = api.client.delete("/v1/trash").json()
    assert emptied["left"] == 0
    assert emptied["deleted"] >= 1
    assert api.client.get("/v1/trash").json()["total"] == 0
    assert_problem(api.client.post(f"/v1/media/{item}/restore"), 404, "not-found")
    assert {path.stem[:32] for path in api.blobs() - before} == {kept}
