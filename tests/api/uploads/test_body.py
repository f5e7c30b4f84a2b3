"""The requirements of tus 1.0, extension by extension, and the completion of an upload."""

from __future__ import annotations

import hashlib
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexes.catalog.catalog import Catalog
from mm.errors import Unavailable
from mm.settings import Settings
from tests.api import media
from tests.api.conftest import UPLOAD_BYTES, ApiServer, assert_problem, run_server
from tests.api.uploads.tus import CHUNK_TYPE, Tus, checksum, encode_metadata
from tests.graphs import with_graphs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOWHERE = "/v1/uploads/" + "0" * 32


@pytest.fixture
def tus(api: ApiServer) -> Tus:
    return Tus(api.client)


@pytest.fixture(scope="module")
def clock() -> list[float]:
    return [1e9]


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory, graphs: Path, clock: list[float]) -> Iterator[ApiServer]:
    """A service whose uploads use a clock of the tests, with a low limit of uploads."""
    home = with_graphs(tmp_path_factory.mktemp("timed"), graphs)
    with run_server(Settings(home=home, upload_seconds=100.0, max_partial_uploads=3)) as service:
        service.service.store.uploads._clock = lambda: clock[0]
        yield service


# Core


def test_upload_options_return_supported_features(api: ApiServer) -> None:
    for headers in ({}, {"Tus-Resumable": "0.2.2"}):  # which is ignored here
        response = api.client.options("/v1/uploads", headers=headers)
        assert (response.status_code, response.content) == (204, b"")
        assert response.headers["tus-resumable"] == response.headers["tus-version"] == "1.0.0"
        assert set(response.headers["tus-extension"].split(",")) == {
            "creation",
            "creation-with-upload",
            "expiration",
            "checksum",
            "termination",
        }
        assert response.headers["tus-max-size"] == str(UPLOAD_BYTES)
        assert "sha1" in response.headers["tus-checksum-algorithm"].split(",")
        assert not [name for name in response.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("version", ["", "0.2.2", "1.0.1"])
def test_unsupported_tus_version_is_refused(api: ApiServer, tus: Tus, version: str) -> None:
    path = tus.create_path(3)
    for response in (
        tus.create(3, **{"Tus-Resumable": version}),
        tus.patch(path, 0, b"abc", **{"Tus-Resumable": version}),
        tus.send("DELETE", path, {}, {"Tus-Resumable": version}),
    ):
        assert_problem(response, 412, "unsupported-version")
        assert response.headers["tus-version"] == "1.0.0"
    assert tus.offset(path) == 0


def test_head_upload_returns_offset_and_is_not_cached(tus: Tus) -> None:
    data = media.image(600)
    path = tus.create_path(len(data), "ü.png", "a,b")
    for offset in (0, 10):
        response = tus.head(path)
        assert response.status_code == 200
        assert response.headers["upload-offset"] == str(offset)
        assert response.headers["upload-length"] == str(len(data))
        assert response.headers["upload-metadata"] == f"filename {encode_metadata('ü.png')},tags {encode_metadata('a,b')}"
        assert response.headers["cache-control"] == "no-store"
        assert "mm-item" not in response.headers
        tus.patch(path, 0, data[:10])
    missing = tus.head(NOWHERE)
    assert missing.status_code == 404
    assert "upload-offset" not in missing.headers


def test_resumable_upload_creates_same_item_as_single_upload(api: ApiServer, tus: Tus) -> None:
    data = media.image(601)
    path = tus.create_path(len(data), "holiday.png", "x,y")
    first = tus.patch(path, 0, data[:100])
    assert (first.status_code, first.headers["upload-offset"], first.content) == (204, "100", b"")
    assert "mm-item" not in first.headers
    last = tus.patch(path, 100, data[100:])
    assert (last.status_code, last.headers["upload-offset"]) == (204, str(len(data)))
    item = api.client.get(f"/v1/media/{last.headers['mm-item']}").json()
    assert item["id"] == hashlib.sha256(data).hexdigest()[:32]
    assert (item["name"], item["tags"], item["size"]) == ("holiday.png", ["x", "y"], len(data))
    assert api.client.get(f"/v1/jobs/{last.headers['mm-job']}").json()["item_id"] == item["id"]
    assert api.client.get(f"/v1/media/{item['id']}/content").content == data
    assert last.headers["mm-created"] == "true"

    repeated_response = tus.head(path)
    for name in ("mm-item", "mm-job", "upload-offset"):
        assert repeated_response.headers[name] == last.headers[name]
    again = tus.patch(path, len(data), b"")
    assert (again.status_code, again.headers["mm-item"]) == (204, item["id"])
    assert_problem(tus.patch(path, 0, data), 409, "conflict")
    same = tus.create(len(data), "other.png", body=data)
    assert (same.headers["mm-item"], same.headers["mm-created"]) == (item["id"], "false")


def test_chunk_at_wrong_offset_changes_nothing(tus: Tus) -> None:
    path = tus.create_path(10)
    tus.patch(path, 0, b"abc")
    for offset in (0, 2, 4, 10, 1 << 40):
        assert "next byte of the upload is 3" in assert_problem(tus.patch(path, offset, b"xy"), 409, "conflict")["detail"]
    assert tus.offset(path) == 3


def test_chunk_without_content_type_or_offset_changes_nothing(tus: Tus) -> None:
    path = tus.create_path(10)
    for kind in ("application/octet-stream", "", "text/plain"):
        assert_problem(tus.patch(path, 0, b"abc", Content_Type=kind), 415, "wrong-content-type")
    for offset in ("", "-1", "x", "1.5", "9" * 30):
        assert_problem(tus.patch(path, 0, b"abc", Upload_Offset=offset), 400, "invalid-input")
    assert tus.patch(NOWHERE, 0, b"abc").status_code == 404
    assert tus.patch("/v1/uploads/..%2f..%2fcatalog.db", 0, b"abc").status_code == 404
    assert tus.offset(path) == 0


def test_chunk_beyond_upload_length_is_refused(api: ApiServer, tus: Tus) -> None:
    path = tus.create_path(5)
    assert_problem(tus.patch(path, 0, b"123456"), 413, "too-large")
    headers = {"Tus-Resumable": "1.0.0", "Content-Type": CHUNK_TYPE, "Upload-Offset": "0"}
    streamed = api.client.patch(path, headers=headers, content=iter([b"123", b"456"]))  # without a Content-Length
    assert_problem(streamed, 413, "too-large")
    assert tus.offset(path) == 0


def test_method_override_header_is_applied(tus: Tus) -> None:
    path = tus.create_path(10)
    response = tus.send(
        "POST", path, {"Content-Type": CHUNK_TYPE, "Upload-Offset": "0"}, {"X-HTTP-Method-Override": "PATCH"}, b"abc"
    )
    assert (response.status_code, response.headers["upload-offset"]) == (204, "3")
    assert tus.send("GET", path, {}, {"X-HTTP-Method-Override": "DELETE"}).status_code == 405
    assert tus.send("POST", path, {}, {"X-HTTP-Method-Override": "delete"}).status_code == 204
    assert tus.head(path).status_code == 404


# Creation


def test_create_upload_returns_location_and_expiry(tus: Tus) -> None:
    response = tus.create(10)
    assert response.status_code == 201
    assert response.headers["location"].startswith("/v1/uploads/")
    assert response.headers["tus-resumable"] == "1.0.0"
    assert parsedate_to_datetime(response.headers["upload-expires"]).tzinfo is not None


@pytest.mark.parametrize("length", ["", "-1", "x", "1e3", "9" * 40])
def test_create_upload_without_length_is_refused(tus: Tus, length: str) -> None:
    assert_problem(tus.create(0, Upload_Length=length, Upload_Defer_Length="1"), 400, "invalid-input")


def test_create_upload_over_the_limit_is_refused(tus: Tus) -> None:
    assert "MM_UPLOAD_BYTES" in assert_problem(tus.create(UPLOAD_BYTES + 1), 413, "too-large")["detail"]


@pytest.mark.parametrize(
    "metadata", [",", "a b c", "a !", "a YQ==,a YQ==", "x,", "filename /w==", f"tags {encode_metadata('x' * 100)}"]
)
def test_invalid_upload_metadata_is_refused(tus: Tus, metadata: str) -> None:
    assert_problem(tus.create(3, Upload_Metadata=metadata), 400, "invalid-input")


@pytest.mark.parametrize("metadata", ["", "empty", "empty ,filename YQ==", "filename Li4vYS5wbmc=,mine /w=="])
def test_upload_metadata_may_be_partial_or_have_unknown_keys(tus: Tus, metadata: str) -> None:
    assert tus.create(3, Upload_Metadata=metadata).status_code == 201


def test_create_upload_stores_bytes_of_its_body(api: ApiServer, tus: Tus) -> None:
    data = media.image(602)
    created = tus.create(len(data), "b.png", body=data[:50])
    assert (created.status_code, created.headers["upload-offset"]) == (201, "50")
    assert tus.patch(created.headers["location"], 50, data[50:]).headers["mm-item"]
    whole = tus.create(len(data), "c.png", body=data, **checksum(data))
    assert (whole.status_code, whole.headers["upload-offset"]) == (201, str(len(data)))
    assert whole.headers["mm-item"] == hashlib.sha256(data).hexdigest()[:32]


def test_refused_create_upload_leaves_no_file(api: ApiServer, tus: Tus) -> None:
    before = api.blobs()
    assert_problem(tus.create(0), 422, "media-error")
    assert_problem(tus.create(3, body=b"1234"), 413, "too-large")
    assert_problem(tus.create(8, body=b"no media"), 415, "unsupported-media")
    assert_problem(tus.create(3, body=b"abc", **checksum(b"abd")), 460, "checksum-mismatch")
    assert api.blobs() == before


def test_resumable_upload_of_unsupported_file_is_refused_and_deleted(api: ApiServer, tus: Tus) -> None:
    before = api.blobs()
    data = media.image(603, (400, 300))[:200]
    path = tus.create_path(len(data), "cut.png")
    tus.patch(path, 0, data[:100])
    document = assert_problem(tus.patch(path, 100, data[100:]), 422, "media-error")
    single = api.upload(data, "cut.png").json()
    assert {name: document[name] for name in ("title", "detail", "name", "reason")} == {
        name: single[name] for name in ("title", "detail", "name", "reason")
    }
    assert tus.head(path).status_code == 404
    assert api.blobs() == before


# Checksum


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_chunk_with_wrong_checksum_is_not_kept(api: ApiServer, tus: Tus, algorithm: str) -> None:
    data = media.image(604)
    path = tus.create_path(len(data))
    assert tus.patch(path, 0, data[:9], **checksum(data[:9], algorithm)).status_code == 204
    for wrong in (data[10:90] + b"!", data[9:40]):
        assert_problem(tus.patch(path, 9, wrong, **checksum(data[9:90], algorithm)), 460, "checksum-mismatch")
        assert tus.offset(path) == 9
    last = tus.patch(path, 9, data[9:], **checksum(data[9:], algorithm))
    assert api.client.get(f"/v1/media/{last.headers['mm-item']}/content").content == data


@pytest.mark.parametrize("header", ["crc32 AAAA", "SHA1 AAAA", "sha1", "sha1 !", "sha1 A", "x"])
def test_invalid_checksum_header_changes_nothing(tus: Tus, header: str) -> None:
    path = tus.create_path(10)
    response = tus.patch(path, 0, b"abc", Upload_Checksum=header)
    assert response.status_code == (460 if header == "sha1" else 400)
    assert tus.offset(path) == 0


# Expiration


def test_incomplete_upload_expires_and_is_deleted(timed: ApiServer, clock: list[float]) -> None:
    tus = Tus(timed.client)
    created = tus.create(10)
    path = created.headers["location"]
    assert parsedate_to_datetime(created.headers["upload-expires"]).timestamp() == clock[0] + 100
    clock[0] += 60
    response = tus.patch(path, 0, b"abc")
    assert parsedate_to_datetime(response.headers["upload-expires"]).timestamp() == clock[0] + 100, "new bytes extend the expiry"
    clock[0] += 100
    for gone in (tus.head(path), tus.patch(path, 3, b"d"), tus.delete(path)):
        assert gone.status_code == 410
        assert "upload-offset" not in gone.headers
    assert timed.service.store.sweep(1e9) == 1
    assert tus.head(path).status_code == 404
    assert not [path for path in timed.blobs() if "uploads" in path.parts]


def test_expired_upload_keeps_its_item(timed: ApiServer, clock: list[float]) -> None:
    tus = Tus(timed.client)
    data = media.image(605)
    response = tus.create(len(data), body=data)
    clock[0] += 1000
    assert tus.head(response.headers["location"]).status_code == 410
    timed.service.store.sweep(1e9)
    assert timed.client.get(f"/v1/media/{response.headers['mm-item']}/content").content == data


def test_incomplete_uploads_are_limited_and_reserve_their_length(
    timed: ApiServer, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    tus = Tus(timed.client)
    clock[0] += 1000
    uploads = [tus.create_path(10) for _ in range(3)]
    refused = tus.create(10)
    assert "MM_MAX_PARTIAL_UPLOADS" in assert_problem(refused, 429, "too-many")["detail"]
    assert int(refused.headers["retry-after"]) >= 1
    assert tus.delete(uploads[0]).status_code == 204
    free = (64 << 20) + 100
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": free})())
    assert_problem(tus.create(81), 507, "storage-full")
    uploads[0] = tus.create_path(80)
    clock[0] += 1000
    assert tus.create(100).status_code == 201, "expired uploads are deleted"


# Termination


def test_delete_upload_removes_it(api: ApiServer, tus: Tus) -> None:
    before = api.blobs()
    path = tus.create_path(10)
    tus.patch(path, 0, b"abc")
    response = tus.delete(path)
    assert (response.status_code, response.content) == (204, b"")
    assert api.blobs() == before
    for gone in (tus.head(path), tus.patch(path, 3, b"d"), tus.delete(path)):
        assert gone.status_code == 404


# Beyond the protocol


def test_empty_chunk_repeats_failed_completion(api: ApiServer, tus: Tus, monkeypatch: pytest.MonkeyPatch) -> None:
    data = media.image(606)
    path = tus.create_path(len(data))

    def away(self: Catalog, *new: object) -> None:
        raise Unavailable("The catalog does not response.")

    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "add_item", away)
        assert_problem(tus.patch(path, 0, data), 503, "unavailable")
    assert tus.offset(path) == len(data)
    assert "mm-item" not in tus.head(path).headers
    response = tus.patch(path, len(data), b"")
    assert api.client.get(f"/v1/media/{response.headers['mm-item']}/content").content == data


def test_head_upload_with_lost_bytes_is_gone(api: ApiServer, tus: Tus) -> None:
    path = tus.create_path(10)
    tus.patch(path, 0, b"abc")
    (api.service.settings.root / "blobs" / "uploads" / path.rpartition("/")[2] / "bytes.part").write_bytes(b"a")
    assert tus.head(path).status_code == 410
    assert tus.head(path).status_code == 404


FAULTS = ["send", "with checksum", "garbled first", "for another place first", "twice"]


@settings(max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.integers(700, 10**6), st.lists(st.tuples(st.floats(0, 1), st.sampled_from(FAULTS)), max_size=5))
def test_resumable_upload_with_faults_stores_identical_bytes(api: ApiServer, seed: int, cuts: list[tuple[float, str]]) -> None:
    tus = Tus(api.client)
    whole = media.image(seed, (32, 24))
    path = tus.create_path(len(whole))
    ends = sorted((int(share * len(whole)), fault) for share, fault in cuts)
    start = 0
    for end, fault in [*ends, (len(whole), "with checksum")]:
        chunk = whole[start:end]
        if fault == "garbled first":
            assert tus.patch(path, start, chunk, **checksum(chunk + b"?")).status_code == 460
        if fault == "for another place first":
            assert tus.patch(path, start + 1, chunk[1:]).status_code == 409
        assert tus.offset(path) == start
        response = tus.patch(path, start, chunk, **(checksum(chunk, "sha256") if fault == "with checksum" else {}))
        assert (response.status_code, response.headers["upload-offset"]) == (204, str(end))
        if fault == "twice" and chunk:
            assert tus.patch(path, start, chunk).status_code == 409
        start = end
    assert response.headers["mm-item"] == hashlib.sha256(whole).hexdigest()[:32]
    assert api.client.get(f"/v1/media/{response.headers['mm-item']}/content").content == whole
