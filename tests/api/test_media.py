"""Upload, import, refusals, ranges, thumbnails, delete."""

from __future__ import annotations

import hashlib
import io
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from PIL import Image

from tests.api import media
from tests.api.conftest import ApiServer, assert_problem
from tests.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path


def test_raw_upload_creates_item_and_job(api: ApiServer) -> None:
    data = media.image(1)
    response = api.upload(data, "Größe.png", "holiday", "lab")
    assert response.status_code == 202, response.text
    upload = response.json()
    assert upload["created"]
    item = upload["item"]
    assert item["id"] == hashlib.sha256(data).hexdigest()[:32]
    assert (item["name"], item["kind"], item["size"], item["width"], item["height"]) == ("Größe.png", "image", len(data), 96, 64)
    assert item["tags"] == ["holiday", "lab"]
    assert response.headers["location"] == f"/v1/jobs/{upload['job']['id']}"
    assert api.client.get(response.headers["location"]).json()["item_id"] == item["id"]
    assert api.client.get(f"/v1/media/{item['id']}").json() == item


@pytest.mark.parametrize(
    ("data", "kind"), [(media.image(2, kind="JPEG"), "image"), (media.audio(0.5), "audio"), (media.video(1.0), "video")]
)
def test_form_upload_uses_name_field_and_content_type_of_bytes(api: ApiServer, data: bytes, kind: str) -> None:
    response = api.client.post("/v1/media", files={"file": ("wrong.txt", data, "text/plain")}, data={"tags": ["a,b", "c"]})
    assert response.status_code == 202, response.text
    item = response.json()["item"]
    assert (item["name"], item["kind"], item["tags"]) == ("wrong.txt", kind, ["a", "b", "c"])


def test_upload_form_accepts_fields_after_file(api: ApiServer) -> None:
    boundary = b"xyz"
    fields = [b'name="file"; filename="a.png"\r\n\r\n' + media.image(3), b'name="name"\r\n\r\nbetter.png']
    body = b"".join(b"--xyz\r\nContent-Disposition: form-data; " + field + b"\r\n" for field in fields) + b"--xyz--\r\n"
    headers = {"content-type": f"multipart/form-data; boundary={boundary.decode()}"}
    assert api.client.post("/v1/media", content=body, headers=headers).json()["item"]["name"] == "better.png"


def test_upload_of_same_bytes_returns_existing_item(api: ApiServer) -> None:
    data = media.image(4)
    first = api.upload(data, "first.png", "one")
    before = api.blobs()
    again = api.client.post("/v1/media", files={"file": ("second.png", data)}, data={"tags": "two"})
    assert (first.status_code, again.status_code) == (202, 200)
    assert not again.json()["created"]
    assert again.json()["job"]["id"] == first.json()["job"]["id"]
    assert again.json()["item"] == {**first.json()["item"], "tags": ["one", "two"], "version": 2}
    assert api.blobs() == before


def test_concurrent_uploads_of_same_bytes_create_one_item(api: ApiServer) -> None:
    data = media.image(8)
    before = api.blobs()
    with ThreadPoolExecutor(6) as pool:
        responses = list(pool.map(lambda index: api.upload(data, f"{index}.png", f"tag{index}"), range(6)))
    assert sorted(response.status_code for response in responses) == [200] * 5 + [202]
    assert len({response.json()["item"]["id"] for response in responses}) == 1
    assert len({response.json()["job"]["id"] for response in responses}) == 1
    item = api.client.get(f"/v1/media/{responses[0].json()['item']['id']}").json()
    assert item["tags"] == [f"tag{index}" for index in range(6)]
    assert len([path for path in api.blobs() - before if not path.suffix]) == 1


def test_concurrent_delete_and_upload_leave_consistent_item(api: ApiServer) -> None:
    data = media.image(9)
    item_id = api.upload_item(data)["id"]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(10):
            work = [
                pool.submit(api.upload, data),
                pool.submit(api.client.delete, f"/v1/media/{item_id}"),
                pool.submit(api.upload, data),
            ]
            assert {done.result().status_code for done in work} <= {200, 202, 204, 404}
            content = api.client.get(f"/v1/media/{item_id}/content")
            assert (content.status_code, content.content == data) in {(200, True), (404, False)}
            listed = api.client.get(f"/v1/media/{item_id}").status_code
            assert listed == content.status_code


@pytest.mark.parametrize(
    ("data", "status", "slug"),
    [
        pytest.param(b"", 422, "media-error", id="zero bytes"),
        pytest.param(b"a text is not media " * 50, 415, "unsupported-media", id="text"),
        pytest.param(
            b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", 415, "unsupported-media", id="svg"
        ),
        pytest.param(b"<!doctype html><script>alert(1)</script>", 415, "unsupported-media", id="html"),
        pytest.param(media.image(5, (400, 300))[:200], 422, "media-error", id="truncated image"),
        pytest.param(media.video(2.0)[:900], 422, "media-error", id="truncated video"),
    ],
)
def test_upload_of_unsupported_file_is_refused_and_leaves_no_file(api: ApiServer, data: bytes, status: int, slug: str) -> None:
    before = api.blobs()
    document = assert_problem(api.upload(data, "bad.png"), status, slug)
    if slug == "media-error":
        assert document["name"] == "bad.png"
        assert document["reason"]
    form = api.client.post("/v1/media", files={"file": ("bad.png", data)})
    assert_problem(form, status, slug)
    assert api.blobs() == before


@pytest.mark.parametrize(
    "form",
    [
        pytest.param({"data": {"name": "x"}, "files": {"other": ("a.png", b"x")}}, id="other field"),
        pytest.param({"files": [("file", ("a.png", b"x")), ("file", ("b.png", b"y"))]}, id="two files"),
        pytest.param({"files": {"file": ("a.png", b"x")}, "data": {"colour": "red"}}, id="unknown field"),
        pytest.param({"content": b"--b\r\n", "headers": {"content-type": "multipart/form-data; boundary=b"}}, id="no end"),
        pytest.param({"content": b"", "headers": {"content-type": "multipart/form-data"}}, id="no boundary"),
        pytest.param({"files": {"file": ("a.png", media.image(6))}, "data": {"tags": "x" * 100}}, id="long tag"),
    ],
)
def test_upload_of_invalid_form_is_refused_and_leaves_no_file(api: ApiServer, form: dict[str, object]) -> None:
    before = api.blobs()
    assert_problem(api.client.post("/v1/media", **form), 400, "invalid-input")  # type: ignore[arg-type]
    assert api.blobs() == before


def test_upload_with_too_large_declared_length_is_refused_before_reading(api: ApiServer) -> None:
    host, port = urlsplit(api.url).hostname, urlsplit(api.url).port
    with socket.create_connection((host, port), timeout=300) as connection:
        connection.sendall(f"POST /v1/media HTTP/1.1\r\nHost: {host}\r\nContent-Length: {1 << 40}\r\n\r\n".encode())
        assert connection.recv(64).startswith(b"HTTP/1.1 413 ")


def test_aborted_upload_leaves_no_file(api: ApiServer) -> None:
    before = api.blobs()
    host, port = urlsplit(api.url).hostname, urlsplit(api.url).port
    with socket.create_connection((host, port), timeout=300) as connection:
        connection.sendall(f"POST /v1/media HTTP/1.1\r\nHost: {host}\r\nContent-Length: {8 << 20}\r\n\r\n".encode())
        connection.sendall(media.audio(20.0))
        wait_for(lambda: len(api.blobs() - before) == 1, "the upload is being written")
    wait_for(lambda: api.blobs() == before, "no file remains")


def test_unsafe_request_of_another_origin_is_refused(api: ApiServer) -> None:
    before = api.blobs()
    for headers in ({"origin": "https://elsewhere.example"}, {"sec-fetch-site": "cross-site"}):
        assert_problem(api.client.post("/v1/media", content=media.image(7), headers=headers), 403, "forbidden")
    assert api.blobs() == before
    own = api.client.post("/v1/media", content=media.image(7), headers={"origin": api.url})
    assert own.status_code == 202


def test_list_media_filters_and_pages(api: ApiServer) -> None:
    pictures = [api.upload_item(media.image(seed), f"{seed}.png", "listed")["id"] for seed in range(20, 25)]
    sound = api.upload_item(media.audio(0.3, 300), "s.wav", "listed", "loud")["id"]

    def listed(**query: str | list[str]) -> list[str]:
        return [item["id"] for item in api.client.get("/v1/media", params=query).json()["items"]]

    assert listed(tag="listed") == [sound, *reversed(pictures)]
    assert listed(tag="listed", kind="image") == pictures[::-1]
    assert listed(tag=["listed", "loud"]) == [sound]
    assert listed(tag="listed", status="processing") == [sound, *reversed(pictures)]
    assert listed(tag="listed", status="ready") == []
    listed: list[str] = []
    cursor: str | None = None
    while True:
        query: dict[str, str | int] = {"tag": "listed", "limit": 2, **({"cursor": cursor} if cursor else {})}
        page = api.client.get("/v1/media", params=query).json()
        listed += [item["id"] for item in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert listed == [sound, *reversed(pictures)]


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "kind=hologram", "status=lost", "cursor=%00nonsense"])
def test_list_media_with_invalid_parameters_is_refused(api: ApiServer, query: str) -> None:
    assert_problem(api.client.get(f"/v1/media?{query}"), 400, "invalid-input")


@pytest.mark.parametrize("path", ["", "/content", "/thumbnail"])
@pytest.mark.parametrize("item_id", ["0" * 32, "no-such", "%2e%2e%2fcatalog.db"])
def test_routes_of_unknown_item_are_not_found(api: ApiServer, path: str, item_id: str) -> None:
    assert_problem(api.client.get(f"/v1/media/{item_id}{path}"), 404, "not-found")


def test_content_supports_ranges_and_has_safe_headers(api: ApiServer) -> None:
    data = media.audio(1.0, 500)
    item = api.upload_item(data, 'odd "name"\n; é.wav')
    url = f"/v1/media/{item['id']}/content"
    whole = api.client.get(url)
    assert whole.content == data
    assert whole.headers["content-type"] == item["content_type"]
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in whole.headers["content-security-policy"]
    assert whole.headers["content-disposition"].startswith("inline; filename=")
    etag = whole.headers["etag"]
    assert etag == f'"{hashlib.sha256(data).hexdigest()}"'

    head = api.client.head(url)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(data)))

    partial = api.client.get(url, headers={"range": "bytes=100-199"})
    assert (partial.status_code, partial.content) == (206, data[100:200])
    assert partial.headers["content-range"] == f"bytes 100-199/{len(data)}"
    assert api.client.get(url, headers={"range": "bytes=-50"}).content == data[-50:]
    assert api.client.get(url, headers={"range": "bytes=5-", "if-range": etag}).status_code == 206
    changed = api.client.get(url, headers={"range": "bytes=5-", "if-range": '"other"'})
    assert (changed.status_code, changed.content) == (200, data)
    assert api.client.get(url, headers={"if-none-match": f'"x", {etag}'}).status_code == 304

    beyond_end = api.client.get(url, headers={"range": f"bytes={len(data)}-"})
    assert_problem(beyond_end, 416, "range-not-satisfiable")
    assert beyond_end.headers["content-range"] == f"bytes */{len(data)}"


@pytest.mark.parametrize(
    ("data", "name"), [(media.image(30), "p.png"), (media.video(2.0, seed=3), "v.mp4"), (media.audio(2.0, 200), "s.wav")]
)
def test_thumbnail_is_rendered_once_as_webp(api: ApiServer, data: bytes, name: str) -> None:
    item = api.upload_item(data, name)
    url = f"/v1/media/{item['id']}/thumbnail"
    response = api.client.get(url, params={"t": 1.0, "size": 100})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "image/webp"
    image = Image.open(io.BytesIO(response.content))
    assert image.format == "WEBP"
    assert max(image.size) <= 160
    cached = list((api.service.settings.root / "cache" / "thumbnails").rglob(f"{item['id']}/*.webp"))
    assert [path.read_bytes() for path in cached] == [response.content]
    assert api.client.get(url, params={"t": 1.0, "size": 100}).content == response.content
    assert (
        api.client.get(url, params={"t": 1.0, "size": 100}, headers={"if-none-match": response.headers["etag"]}).status_code
        == 304
    )
    assert api.client.get(url, params={"t": 1e9}).status_code == 200  # the end


@pytest.mark.parametrize("query", ["t=-1", "t=nan", "t=x", "size=0", "size=99999"])
def test_thumbnail_with_invalid_parameters_is_refused(api: ApiServer, query: str) -> None:
    item = api.upload_item(media.image(31))
    assert_problem(api.client.get(f"/v1/media/{item['id']}/thumbnail?{query}"), 400, "invalid-input")


def test_delete_for_good_deletes_blob_and_thumbnails(api: ApiServer) -> None:
    before = api.blobs()
    item = api.upload_item(media.image(32))
    api.client.get(f"/v1/media/{item['id']}/thumbnail")
    response = api.client.delete(f"/v1/media/{item['id']}")
    assert (response.status_code, response.content) == (204, b"")
    assert api.blobs() > before
    assert api.client.delete(f"/v1/trash/{item['id']}").status_code == 204
    assert api.blobs() == before
    assert not list((api.service.settings.root / "cache" / "thumbnails").rglob(item["id"]))
    assert_problem(api.client.get(f"/v1/media/{item['id']}"), 404, "not-found")
    assert_problem(api.client.delete(f"/v1/media/{item['id']}"), 404, "not-found")
    assert api.upload(media.image(32)).status_code == 202, "the same bytes can be uploaded again"


def test_import_adds_files_and_refuses_links(api: ApiServer, import_root: Path) -> None:
    folder = import_root / "trip"
    (folder / "day 2").mkdir(parents=True)
    (folder / "a.png").write_bytes(media.image(40))
    (folder / "day 2" / "b.wav").write_bytes(media.audio(0.2, 900))
    (folder / "notes.txt").write_text("not media, " * 40)
    (folder / "empty.png").touch()
    outside = import_root.parent / "outside.png"
    outside.write_bytes(media.image(41))
    (folder / "link.png").symlink_to(outside)
    (folder / "elsewhere").symlink_to(import_root.parent)
    response = api.client.post("/v1/media/import", json={"folder": "trip", "tags": ["trip"]})
    assert response.status_code == 200, response.text
    result = response.json()
    assert [(upload["item"]["name"], upload["item"]["tags"]) for upload in result["uploads"]] == [
        ("a.png", ["trip"]),
        ("b.wav", ["trip"]),
    ]
    assert set(result["refused"]) == {"notes.txt", "empty.png", "link.png", "elsewhere"}
    assert all(reason.endswith((".", ")")) for reason in result["refused"].values())


@pytest.mark.parametrize("folder", ["..", "/etc", "trip/../..", "out"])
def test_import_outside_root_is_refused(api: ApiServer, import_root: Path, folder: str) -> None:
    link = import_root / "out"
    if not link.is_symlink():
        link.symlink_to(import_root.parent)
    assert_problem(api.client.post("/v1/media/import", json={"folder": folder}), 403, "forbidden")


def test_import_of_unknown_folder_is_not_found(api: ApiServer) -> None:
    for folder in ("nowhere", "n" * 300):
        assert_problem(api.client.post("/v1/media/import", json={"folder": folder}), 404, "not-found")
    assert_problem(api.client.post("/v1/media/import", json={"folder": "a\0b"}), 400, "invalid-input")
    assert_problem(api.client.post("/v1/media/import", content=b"{"), 400, "invalid-input")
