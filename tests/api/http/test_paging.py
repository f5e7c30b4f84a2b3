"""Listing with offset and sort, tags, segments, and search with `like`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.api import media
from tests.api.conftest import ApiServer, assert_problem

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.xdist_group("browse")
ORDERS: dict[str, Callable[[dict[str, object]], object]] = {
    "name": lambda item: (str(item["name"]).lower(),),
    "longest": lambda item: -float(str(item["duration"])),
    "largest": lambda item: -int(str(item["size"])),
}


@pytest.fixture(scope="module")
def several(api: ApiServer, library: dict[str, str]) -> list[str]:
    """Return the names of items with one tag, oldest first."""
    names = ["b 50%.png", "A_1.png", "c.png", "a.wav"]
    data = [media.image(900), media.image(901), media.image(902), media.audio(1.0)]
    for name, content in zip(names, data, strict=True):
        api.upload_item(content, name, "several")
    return names


def list_names(api: ApiServer, **params: object) -> list[str]:
    response = api.client.get("/v1/media", params={"tag": "several", "offset": 0, **params})
    assert response.status_code == 200, response.text
    return [item["name"] for item in response.json()["items"]]


def test_list_media_with_offset_starts_anywhere_and_has_total(api: ApiServer, several: list[str]) -> None:
    newest = several[::-1]
    assert list_names(api) == newest
    assert list_names(api, sort="oldest") == several
    for offset in range(len(several) + 1):
        response = api.client.get("/v1/media", params={"tag": "several", "offset": offset, "limit": 2}).json()
        assert [item["name"] for item in response["items"]] == newest[offset : offset + 2]
        assert (response["total"], response["next"]) == (len(several), None)
    assert api.client.get("/v1/media").json()["total"] is None


@pytest.mark.parametrize("order", ORDERS)
def test_list_media_with_sort_is_sorted(api: ApiServer, several: list[str], order: str) -> None:
    items = api.client.get("/v1/media", params={"offset": 0, "limit": 500, "sort": order}).json()["items"]
    keys = [ORDERS[order](item) for item in items]
    assert keys == sorted(keys)  # type: ignore[type-var]
    # The same, page by page: no item is repeated and none is missing.
    pages = [
        api.client.get("/v1/media", params={"offset": at, "limit": 3, "sort": order}).json() for at in range(0, len(items), 3)
    ]
    assert [item["id"] for page in pages for item in page["items"]] == [item["id"] for item in items]


def test_list_media_name_filter_is_literal(api: ApiServer, several: list[str]) -> None:
    assert list_names(api, name="a") == ["a.wav", "A_1.png"]
    assert list_names(api, name="%") == ["b 50%.png"]
    assert list_names(api, name="_") == ["A_1.png"]
    assert list_names(api, name="nothing") == []


def test_list_media_filters_by_upload_time(api: ApiServer, several: list[str]) -> None:
    first, second = (
        item["created_at"] for item in api.client.get("/v1/media", params={"tag": "several", "offset": 2}).json()["items"]
    )
    assert list_names(api, uploaded_after=first) == several[::-1][:3]
    assert list_names(api, uploaded_before=first) == several[:1]
    assert list_names(api, uploaded_after=second, uploaded_before=first) == several[:1]


@pytest.mark.parametrize("params", [{"sort": "name"}, {"name": "a"}, {"offset": 0, "cursor": "before-1"}, {"offset": -1}])
def test_list_media_with_conflicting_parameters_is_refused(api: ApiServer, params: dict[str, str]) -> None:
    assert_problem(api.client.get("/v1/media", params=params), 400, "invalid-input")


def test_list_tags_counts_items(api: ApiServer, several: list[str]) -> None:
    counts = {count["tag"]: count["items"] for count in api.client.get("/v1/tags").json()["data"]}
    assert counts["several"] == len(several)
    assert counts["kitchen"] == 1
    assert list(counts.values()) == sorted(counts.values(), reverse=True)


def test_list_segments_returns_speech(api: ApiServer, library: dict[str, str]) -> None:
    path = f"/v1/media/{library['talk']}/segments"
    first, second = api.client.get(path).json()["segments"]
    assert (first["start"], first["end"], first["said"]) == (0.0, 1.0, [])
    assert [line["text"] for line in second["said"]] == ["here is my recipe for apple cake"]
    page = api.client.get(path, params={"limit": 1}).json()
    assert page == {"segments": [first], "next": 1.0}
    assert api.client.get(path, params={"after": page["next"]}).json() == {"segments": [second], "next": None}


def test_list_segments_of_unknown_item_is_not_found_and_of_unprocessed_is_empty(api: ApiServer, several: list[str]) -> None:
    assert_problem(api.client.get("/v1/media/nothing/segments"), 404, "not-found")
    waiting = api.upload_item(media.image(910), "waiting.png")
    assert api.client.get(f"/v1/media/{waiting['id']}/segments").json() == {"segments": [], "next": None}


def search_like(api: ApiServer, item: str, time: float = 0.0, **more: object) -> list[dict[str, object]]:
    response = api.client.post("/v1/search", json={"like": {"item": item, "time": time}, "floor": 0, "k": 100, **more})
    assert response.status_code == 200, response.text
    hits: list[dict[str, object]] = response.json()["hits"]
    return hits


def test_search_like_uses_stored_vectors(api: ApiServer, library: dict[str, str]) -> None:
    """The stored vector finds the same items as its image, except itself."""
    hits = search_like(api, library["picture"])
    assert library["picture"] not in {hit["item"]["id"] for hit in hits}  # type: ignore[index]
    by_clip = {(hit["item"]["id"], hit["start"]): hit["score"] for hit in hits}  # type: ignore[index]
    space = api.service.space
    stored = api.service.store.catalog.get_segment_at(library["picture"], space.id, 0.0)
    assert stored is not None
    (entry,) = stored.evidence
    vector = api.service.store.shards.read(entry.shard_id, space.id).vectors["picture"][entry.row].astype(np.float32)
    talk = api.service.store.catalog.get_segment_at(library["talk"], space.id, 0.5)
    assert talk is not None
    other = api.service.store.shards.read(talk.evidence[0].shard_id, space.id).vectors["picture"][0].astype(np.float32)
    (evidence,) = [
        entry
        for hit in hits
        if (hit["item"]["id"], hit["start"]) == (library["talk"], 0.0)  # type: ignore[index]
        for entry in hit["evidence"]  # type: ignore[attr-defined]
    ]
    assert evidence["cosine"] == pytest.approx(float(vector @ other), abs=1e-3)
    assert by_clip[library["talk"], 0.0] == pytest.approx(evidence["score"])


def test_search_like_without_image_uses_speech(api: ApiServer, library: dict[str, str]) -> None:
    hits = search_like(api, library["talk"], 1.5)
    assert {entry["kind"] for hit in hits for entry in hit["evidence"]} <= {"speech"}  # type: ignore[attr-defined]
    with_itself_left_out = [(hit["item"]["id"], hit["start"]) for hit in hits]  # type: ignore[index]
    assert (library["talk"], 1.0) not in with_itself_left_out


def test_search_like_combines_with_text_and_file(api: ApiServer, library: dict[str, str]) -> None:
    like = {"item": library["picture"], "time": 0}
    assert search_like(api, library["picture"], text="apple cake")[0]["item"]["id"] == library["talk"]  # type: ignore[index]
    file = {"picture": ("q.png", media.image(51))}
    response = api.client.post("/v1/search", data={"like": json.dumps(like), "floor": "0"}, files=file)
    assert response.status_code == 200, response.text
    assert library["picture"] not in {hit["item"]["id"] for hit in response.json()["hits"]}
    broken = api.client.post("/v1/search", data={"like": "{"}, files=file)
    assert "like" in assert_problem(broken, 400, "invalid-input")["detail"]


def test_search_like_of_unknown_item_is_not_found(api: ApiServer, several: list[str]) -> None:
    ask_nothing = {"like": {"item": "0" * 32, "time": 0}}
    assert_problem(api.client.post("/v1/search", json=ask_nothing), 404, "not-found")
    waiting = api.upload_item(media.image(911), "waiting too.png")
    problem = assert_problem(api.client.post("/v1/search", json={"like": {"item": waiting["id"]}}), 404, "not-found")
    assert "processing" in problem["detail"]
    assert_problem(api.client.post("/v1/search", json={"like": {"item": waiting["id"], "time": -1}}), 400, "invalid-input")
