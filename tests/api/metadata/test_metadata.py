"""Time taken, camera and place in the API: items, lists, timeline, search, MM_METADATA."""

from __future__ import annotations

import hashlib
import io
import logging
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from PIL import Image

from mm.schemas import Filters
from mm.settings import Settings
from tests.api.conftest import ApiServer, assert_problem, run_server
from tests.captures import make_exif, movie, photo
from tests.graphs import with_graphs
from workers.place_names import PlaceNaming

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("metadata")
SECRET = "Kamerawerk Zwei"
FILES = {
    "tower.jpg": photo(
        1,
        exif=make_exif(
            taken="2024:05:01 12:30:00", offset="+02:00", make=SECRET, model="M1", lens="50mm", place=(48.8583333, 2.2945, 35.0)
        ),
    ),
    "beach.jpg": photo(2, exif=make_exif(taken="2023:07:09 18:00:00", make="Other")),
    "clip.mov": movie({"creation_time": "2024-05-01T20:00:00Z"}, seed=3),
    "plain.png": photo(4, "PNG"),
}
CAPTURE = {
    "taken_at": "2024-05-01T12:30:00+02:00",
    "make": SECRET,
    "model": "M1",
    "lens": "50mm",
    "orientation": 1,
    "latitude": 48.8583333,
    "longitude": 2.2945,
    "altitude": 35.0,
    "place": "Paris, Île-de-France, France",
}


def upload_all(server: ApiServer) -> dict[str, dict[str, Any]]:
    return {name: server.upload_item(data, name, "captured") for name, data in FILES.items()}


@pytest.fixture(scope="module")
def items(api: ApiServer) -> dict[str, dict[str, Any]]:
    names = list(upload_all(api))
    assert PlaceNaming(api.service.store).step() > 0
    listed = api.client.get("/v1/media", params={"tag": "captured"}).json()["items"]
    return {name: next(item for item in listed if item["name"] == name) for name in names}


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Iterator[ApiServer]:
    with run_server(Settings(home=with_graphs(tmp_path_factory.mktemp("hidden"), graphs), metadata="hide")) as server:
        yield server


@pytest.fixture(scope="module")
def stripped(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Iterator[ApiServer]:
    with run_server(Settings(home=with_graphs(tmp_path_factory.mktemp("stripped"), graphs), metadata="strip")) as server:
        yield server


def list_names(api: ApiServer, **params: object) -> list[str]:
    response = api.client.get("/v1/media", params={"tag": "captured", "offset": 0, **params})
    assert response.status_code == 200, response.text
    return [item["name"] for item in response.json()["items"]]


def test_item_has_when_where_and_with_what_it_was_taken(api: ApiServer, items: dict[str, dict[str, Any]]) -> None:
    assert items["tower.jpg"]["capture"] == CAPTURE
    assert api.client.get(f"/v1/media/{items['tower.jpg']['id']}").json()["capture"] == CAPTURE
    assert items["beach.jpg"]["capture"]["taken_at"] == "2023-07-09T18:00:00", "without the offset that the file does not state"
    assert items["clip.mov"]["capture"]["taken_at"] == "2024-05-01T20:00:00Z"
    assert items["plain.png"]["capture"]["taken_at"] is None


def test_thumbnail_contains_no_metadata(api: ApiServer, items: dict[str, dict[str, Any]]) -> None:
    data = api.client.get(f"/v1/media/{items['tower.jpg']['id']}/thumbnail").content
    assert not Image.open(io.BytesIO(data)).getexif()
    assert SECRET.encode() not in data


def test_list_media_filters_and_sorts_by_time_taken(api: ApiServer, items: dict[str, dict[str, Any]]) -> None:
    assert list_names(api, sort="taken") == ["plain.png", "clip.mov", "tower.jpg", "beach.jpg"]
    assert list_names(api, sort="taken-oldest", taken_after="2024-01-01T00:00:00") == ["tower.jpg", "clip.mov"]
    assert list_names(api, taken_before="2024-01-01") == ["beach.jpg"]
    assert list_names(api, camera="kamerawerk") == ["tower.jpg"]
    assert list_names(api, has_place="true") == ["tower.jpg"]
    assert list_names(api, place="ile-de-france") == ["tower.jpg"]
    assert list_names(api, place="London") == []
    assert_problem(api.client.get("/v1/media", params={"offset": 0, "taken_after": "2024-01-01T00:00:00Z"}), 400, "invalid-input")
    assert_problem(api.client.get("/v1/media", params={"camera": "x"}), 400, "invalid-input")


def test_timeline_counts_days_and_cameras_are_listed(api: ApiServer, items: dict[str, dict[str, Any]]) -> None:
    days = api.client.get("/v1/timeline", params={"tag": "captured", "taken_before": "2999-01-01"}).json()["days"]
    assert days == [{"day": "2024-05-01", "items": 2}, {"day": "2023-07-09", "items": 1}]
    assert len(api.client.get("/v1/timeline", params={"tag": "captured"}).json()["days"]) == 3, "and the day of an upload"
    cameras = api.client.get("/v1/cameras").json()["data"]
    assert {"camera": f"{SECRET} M1", "items": 1} in cameras
    assert {"place": CAPTURE["place"], "items": 1} in api.client.get("/v1/places").json()["data"]


def test_search_filters_by_capture(api: ApiServer, items: dict[str, dict[str, Any]], library: dict[str, str]) -> None:
    def search(**filters: object) -> set[str]:
        response = api.client.post("/v1/search", json={"text": "blocks", "floor": 0, "k": 100, "filters": filters})
        assert response.status_code == 200, response.text
        return {hit["item"]["id"] for hit in response.json()["hits"]}

    assert library["picture"] in search(has_place=False)
    assert library["picture"] not in search(place="paris")
    assert library["picture"] not in search(has_place=True) | search(camera="x") | search(taken_before="2999-01-01T00:00:00")
    refused = {"text": "x", "filters": {"taken_after": "2024-01-01T00:00:00Z"}}
    assert "taken_after" in assert_problem(api.client.post("/v1/search", json=refused), 400, "invalid-input")["detail"]


def test_search_reads_a_place_of_the_library_from_the_text(
    api: ApiServer, items: dict[str, dict[str, Any]], library: dict[str, str]
) -> None:
    def search(text: str, **options: object) -> tuple[set[str], dict[str, Any]]:
        body = api.client.post("/v1/search", json={"text": text, "floor": 0, "k": 100, **options}).json()
        return {hit["item"]["id"] for hit in body["hits"]}, body

    everywhere, body = search("blocks in Lisbon")
    assert library["picture"] in everywhere, "no item was taken there"
    assert (body["place"], body["text"]) == (None, "blocks in Lisbon")
    explicit, body = search("blocks place:Lisbon")
    assert (explicit, body["place"], body["text"]) == (set(), "Lisbon", "blocks")
    unparsed, body = search("blocks in Paris", parse=False)
    assert library["picture"] in unparsed
    assert body["place"] is None
    read, body = search("blocks in Paris")
    # The photo of Paris is not encoded in this test: a place without hits restricts nothing.
    assert (library["picture"] in read, body["place"], body["text"]) == (True, None, "blocks in Paris")
    store = api.service.store
    key = next(iter(store.catalog.select_items(Filters(items=[library["picture"]])) or ()))
    store.catalog.set_places({key: "near Paris, Texas, United States"})
    read, body = search("blocks in paris")
    assert (read, body["place"], body["text"]) == ({library["picture"]}, "paris", "blocks")


def test_hidden_metadata_is_in_no_response_and_no_filter(hidden: ApiServer) -> None:
    items = upload_all(hidden)
    listed = hidden.client.get("/v1/media")
    assert SECRET not in listed.text
    assert [item["capture"] for item in (*items.values(), *listed.json()["items"])] == [None] * 8
    PlaceNaming(hidden.service.store).step()
    assert "Paris" not in hidden.client.get("/v1/media").text
    assert hidden.client.get("/v1/cameras").json() == {"data": []}
    assert hidden.client.get("/v1/places").json() == {"data": []}
    for path, params in (
        ("/v1/timeline", {}),
        ("/v1/media", {"offset": 0, "sort": "taken"}),
        ("/v1/media", {"offset": 0, "camera": "x"}),
        ("/v1/media", {"offset": 0, "has_place": "true"}),
        ("/v1/media", {"offset": 0, "place": "x"}),
    ):
        assert "MM_METADATA" in assert_problem(hidden.client.get(path, params=params), 400, "invalid-input")["detail"]
    for path, query in (("/v1/search", "text"), ("/v1/ask", "query")):
        searched = hidden.client.post(path, json={query: "x", "filters": {"has_place": True}})
        assert "MM_METADATA" in assert_problem(searched, 400, "invalid-input")["detail"]


def test_stripped_content_has_no_metadata_and_the_stored_file_is_unchanged(stripped: ApiServer) -> None:
    items = upload_all(stripped)
    assert [item["capture"] for item in items.values()] == [None] * 4, "hidden"
    for name, item in items.items():
        path = f"/v1/media/{item['id']}/content"
        response = stripped.client.get(path)
        assert response.status_code == 200, response.text
        assert SECRET.encode() not in response.content
        assert response.headers["ETag"] == f'"{hashlib.sha256(FILES[name]).hexdigest()}-stripped"'
        size = int(response.headers["Content-Length"])
        assert len(response.content) == size == int(stripped.client.head(path).headers["Content-Length"])
        part = stripped.client.get(path, headers={"Range": "bytes=100-299", "If-Range": response.headers["ETag"]})
        assert (part.status_code, part.headers["Content-Range"]) == (206, f"bytes 100-{min(299, size - 1)}/{size}")
        assert part.content == response.content[100:300]
        assert stripped.client.get(path, headers={"If-None-Match": response.headers["ETag"]}).status_code == 304
        if name != "clip.mov":
            image = Image.open(io.BytesIO(response.content))
            assert not image.getexif()
            assert image.tobytes() == Image.open(io.BytesIO(FILES[name])).tobytes()
    assert {path.read_bytes() for path in stripped.blobs() if path.suffix == ""} == set(FILES.values())
    with_place = {"offset": 0, "has_place": "true"}
    assert "MM_METADATA" in assert_problem(stripped.client.get("/v1/media", params=with_place), 400, "invalid-input")["detail"]


def test_content_that_cannot_be_stripped_is_refused_by_name(stripped: ApiServer) -> None:
    item = stripped.upload_item(photo(5, "TIFF", exif=make_exif(make=SECRET)), "scan.tif")
    refused = assert_problem(stripped.client.get(f"/v1/media/{item['id']}/content"), 403, "forbidden")
    assert "scan.tif is not sent, because MM_METADATA is `strip` and it is a tiff file" in refused["detail"]
    assert stripped.client.get(f"/v1/media/{item['id']}/thumbnail").status_code == 200


def test_metadata_is_in_no_log(tmp_path: Path, graphs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The values of a photo appear neither when it is uploaded nor when it is listed by them."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    try:
        with run_server(Settings(home=with_graphs(tmp_path, graphs))) as server, structlog.testing.capture_logs() as lines:
            server.upload_item(FILES["tower.jpg"], "tower.jpg")
            damaged = FILES["tower.jpg"][:-400]
            assert server.upload(damaged, "damaged.jpg").status_code == 422
            server.client.get("/v1/media", params={"offset": 0, "camera": SECRET, "taken_after": "2024-05-01T12:00:00"})
            PlaceNaming(server.service.store).step()
            server.client.get("/v1/media", params={"offset": 0, "place": "Paris"})
            server.client.post("/v1/search", json={"text": "blocks in Paris"})
    finally:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    text = f"{lines}{capsys.readouterr()}"
    assert "tower.jpg" in text or "accepted" in text, "the requests were logged"
    for value in ("Kamerawerk", "2024-05-01", "2024:05:01", "48.85", "50mm", "Paris"):
        assert value not in text
