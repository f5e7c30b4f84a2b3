"""Albums over HTTP, in both clients and on the command line."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import mm
from mm.cli.main import main
from mm.errors import Conflict, InvalidInput, NotFound
from mm.schemas import AlbumExport, EntrySpec, Filters
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment
from tests.api import media
from tests.api.conftest import ApiServer, KeyedServer, add_searchable, assert_problem

UNKNOWN = "0" * 32


@pytest.fixture(scope="module")
def video(api: ApiServer) -> Iterator[str]:
    """A video of four segments of half a second, each likely to match any text."""
    frames = [np.full((96, 128, 3), shade, np.uint8) for shade in (20, 90, 160, 230)]
    vectors = api.service.space.image.embed(frames)
    segments = [
        EncodedSegment(0.5 * n, 0.5 * n + 0.5, n, [EncodedEvidence("picture", 0.5 * n, 0.5 * n + 0.5, None, vector)])
        for n, vector in enumerate(vectors)
    ]
    item = add_searchable(api, media.video(2.0), "=four shades.mp4", "albums", segments)
    yield item
    api.client.delete(f"/v1/media/{item}")
    api.client.delete(f"/v1/trash/{item}")


@pytest.fixture(scope="module")
def photo(api: ApiServer) -> Iterator[str]:
    frame = api.service.space.image.embed([np.full((96, 128, 3), 200, np.uint8)])[0]
    segment = EncodedSegment(0.0, 0.0, 0, [EncodedEvidence("picture", 0.0, 0.0, None, frame)])
    item = add_searchable(api, media.image(6001), "photo.png", "albums", [segment])
    yield item
    api.client.delete(f"/v1/media/{item}")
    api.client.delete(f"/v1/trash/{item}")


@pytest.fixture
def client(api: ApiServer) -> Iterator[mm.Client]:
    with mm.Client(api.url) as client:
        yield client
        for album in client.albums.list():
            client.albums.delete(album.id)


def test_album_is_filled_ordered_edited_and_deleted(client: mm.Client, video: str, photo: str) -> None:
    album = client.albums.create("  Shades ", note="grey")
    assert (album.name, album.entries, album.cover) == ("Shades", 0, None)
    added = client.albums.add(album.id, [photo, EntrySpec(item=video, start=0.5, end=1.0), UNKNOWN, photo])
    assert [result.outcome for result in added.results] == ["added", "added", "not-found", "unchanged"]
    first, second = [result.entry for result in added.results[:2]]
    assert first is not None
    assert second is not None
    client.albums.move(album.id, [first])
    entries = client.albums.entries(album.id).entries
    assert [(entry.id, entry.start, entry.end) for entry in entries] == [(second, 0.5, 1.0), (first, None, None)]
    assert entries[0].thumbnail.endswith("t=0.950")
    changed = client.albums.edit(album.id, name="Grey", cover=first)
    assert changed.cover is not None
    assert (changed.name, changed.cover.item) == ("Grey", photo)
    with pytest.raises(Conflict):
        client.albums.edit(album.id, note="x", version=1)
    assert client.albums.remove(album.id, [second]).removed == 1
    client.albums.delete(album.id)
    with pytest.raises(NotFound):
        client.albums.get(album.id)
    assert client.item(photo).status == "ready"


def test_search_in_album_has_only_hits_that_overlap_its_time_ranges(client: mm.Client, video: str, photo: str) -> None:
    album = client.albums.create("a").id
    client.albums.add(album, [EntrySpec(item=video, start=0.6, end=0.9), EntrySpec(item=video, start=1.6, end=1.8)])
    everywhere = client.search("shades", k=20, floor=0, fold=False, filters=Filters(items=[video]))
    hits = client.search("shades", k=20, floor=0, fold=False, filters=Filters(album=album)).hits
    inside = [hit for hit in everywhere.hits if (hit.start < 0.9 and hit.end > 0.6) or (hit.start < 1.8 and hit.end > 1.6)]
    assert 0 < len(inside) < len(everywhere.hits)
    assert [(hit.start, hit.end, hit.score) for hit in hits] == [(hit.start, hit.end, hit.score) for hit in inside]
    best = client.search("shades", k=1, floor=0, fold=False, filters=Filters(album=album)).hits
    assert [hit.start for hit in best] == [inside[0].start], "found although better hits are outside"
    client.albums.add(album, [video, photo])
    assert len(client.search("shades", k=20, floor=0, fold=False, filters=Filters(album=album)).hits) == len(everywhere.hits) + 1
    assert {item.id for item in client.items(offset=0, album=album).items} == {video, photo}
    with pytest.raises(NotFound, match="no album"):
        client.search("shades", filters=Filters(album="unknown"))


def test_near_duplicate_in_album_is_found_though_the_best_one_is_outside(client: mm.Client, api: ApiServer, photo: str) -> None:
    frame = api.service.space.image.embed([np.full((96, 128, 3), 200, np.uint8)])[0]
    pieces = [EncodedEvidence("picture", 0.0, 0.5, None, frame)]
    segments = [EncodedSegment(0.5 * n, 0.5 * n + 0.5, n, pieces if n == 0 else []) for n in range(2)]
    video = add_searchable(api, media.video(1.0, seed=7), "grey.mp4", "albums", segments)
    other = add_searchable(api, media.video(1.0, seed=8), "other grey.mp4", "albums", segments)
    album = client.albums.create("greys").id
    client.albums.add(album, [EntrySpec(item=video, start=0.8, end=1.0), other])
    assert [hit.item.id for hit in client.search("grey", floor=0, filters=Filters(album=album)).hits] == [other]
    client.change_items([video, other], action="delete")
    client.change_items([video, other], action="delete-for-good")


def test_item_in_trash_is_hidden_in_its_album_until_it_is_restored(client: mm.Client, photo: str) -> None:
    album = client.albums.create("a").id
    client.albums.add(album, [photo])
    client.delete(photo)
    assert (client.albums.get(album).entries, client.albums.get(album).hidden) == (0, 1)
    assert client.albums.entries(album).entries == []
    client.restore(photo)
    assert [entry.item.id for entry in client.albums.entries(album).entries] == [photo]


def test_export_of_album_is_as_of_hits(client: mm.Client, api: ApiServer, video: str, photo: str) -> None:
    album = client.albums.create("Fähre <b>").id
    client.albums.add(album, [photo, EntrySpec(item=video, start=0.5, end=1.0)])
    rows = list(csv.DictReader(io.StringIO(client.albums.export(album).decode("utf-8-sig"))))
    assert [(row["rank"], row["name"], row["start"], row["end"], row["score"]) for row in rows] == [
        ("1", "photo.png", "0.000", "0.000", ""),
        ("2", "'=four shades.mp4", "0.500", "1.000", ""),
    ]
    exported = AlbumExport.model_validate_json(client.albums.export(album, "json"))
    assert [entry.item.id for entry in exported.entries] == [photo, video]
    sheet = client.albums.export(album, "html").decode()
    assert "Fähre &lt;b&gt;" in sheet
    assert sheet.count("data:image/webp;base64,") == 2
    assert not re.search(r"(src|href)=['\"]?(https?:|/)", sheet)
    headers = api.client.get(f"/v1/albums/{album}/export").headers
    assert headers["content-disposition"].startswith("attachment;")
    assert "F%C3%A4hre%20%3Cb%3E.csv" in headers["content-disposition"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("", {"name": " "}),
        ("", {"name": "x" * 101}),
        ("", {"name": "a\nb"}),
        ("", {"name": "ok", "note": "x" * 2001}),
        ("/{id}/entries", {"entries": []}),
        ("/{id}/entries", {"entries": [{"item": "{photo}", "start": 0, "end": 1}]}),
        ("/{id}/entries", {"entries": [{"item": "{photo}", "start": -1}]}),
        ("/{id}/entries/remove", {}),
        ("/{id}/entries/move", {"entries": [1], "before": 1}),
    ],
)
def test_invalid_requests_are_refused(client: mm.Client, api: ApiServer, photo: str, path: str, body: object) -> None:
    album = client.albums.create("a").id
    sent = json.loads(json.dumps(body).replace("{photo}", photo))
    assert_problem(api.client.post(f"/v1/albums{path}".replace("{id}", album), json=sent), 400, "invalid-input")
    assert client.albums.entries(album).total == 0


def test_too_many_entries_and_unknown_albums_are_refused(client: mm.Client, api: ApiServer) -> None:
    album = client.albums.create("a").id
    many = {"entries": [{"item": UNKNOWN}] * 1001}
    assert_problem(api.client.post(f"/v1/albums/{album}/entries", json=many), 413, "too-large")
    for path in ("", "/entries", "/export"):
        assert_problem(api.client.get(f"/v1/albums/unknown{path}"), 404, "not-found")
    assert_problem(api.client.post("/v1/albums/unknown/entries", json={"entries": [{"item": UNKNOWN}]}), 404, "not-found")


def test_asynchronous_client_has_the_same_albums(client: mm.Client, api: ApiServer, photo: str) -> None:
    async def run() -> list[str]:
        async with mm.AsyncClient(api.url) as other:
            album = await other.albums.create("async")
            await other.albums.add(album.id, [photo])
            return [entry.item.id for entry in (await other.albums.entries(album.id)).entries]

    assert asyncio.run(run()) == [photo]
    assert [album.name for album in client.albums.list()] == ["async"]


def test_commands_create_fill_order_search_and_export_an_album(
    client: mm.Client, api: ApiServer, video: str, photo: str, tmp_path: Path
) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, [*arguments, "--url", api.url])
        assert result.exit_code == code, result.output
        return "".join(line for line in result.output.splitlines(keepends=True) if "[info " not in line)  # logs of the service

    run("albums", "create", "Grey days", "--note", "rain")
    assert "1 of 2 added to Grey days" in run("albums", "add", "grey days", photo, UNKNOWN, code=1)
    assert "1 of 1 added" in run("albums", "add", "Grey days", f"{video}@0.5-1")
    entries = [json.loads(line) for line in run("albums", "show", "Grey days", "--json").splitlines()]
    assert [entry["item"]["id"] for entry in entries] == [photo, video]
    run("albums", "move", "Grey days", str(entries[1]["id"]), "--before", str(entries[0]["id"]))
    assert re.search(r"four shades.*\n.*photo", run("albums", "show", "Grey days"))
    assert "Grey days" in run("albums")
    assert "photo.png" in run("list", "--album", "Grey days")
    found = json.loads(run("search", "grey", "--floor", "0", "--album", "Grey days", "--json"))
    assert {hit["item"]["id"] for hit in found["hits"]} == {photo, video}
    run("albums", "export", "Grey days", str(tmp_path / "album.csv"))
    assert len((tmp_path / "album.csv").read_text("utf-8-sig").splitlines()) == 3
    run("albums", "export", "Grey days", str(tmp_path / "album.csv"), code=2)
    run("albums", "edit", "Grey days", "--cover", "0", "--name", "Grey")
    assert "1 entries removed, 1 left" in run("albums", "remove", "Grey", "--item", photo)
    run("albums", "add", "Grey", "x@1:2", code=2)
    result = CliRunner().invoke(main, ["albums", "show", "none", "--url", api.url])
    assert isinstance(result.exception, NotFound) or "no album" in result.output
    assert "items stay" in run("albums", "delete", "Grey")
    with pytest.raises(InvalidInput):
        client.albums.remove("x", [])


def test_albums_need_the_scope_write_to_change_and_read_to_list(keyed: KeyedServer) -> None:
    read, write, http = keyed.key("read")[1], keyed.key("write")[1], keyed.running.client
    body = {"name": "scoped"}
    assert_problem(http.post("/v1/albums", json=body, headers=read), 403, "forbidden")
    created = http.post("/v1/albums", json=body, headers=write)
    assert created.status_code == 201
    assert created.headers["location"] == f"/v1/albums/{created.json()['id']}"
    assert [album["name"] for album in http.get("/v1/albums", headers=read).json()["albums"]] == ["scoped"]
    assert http.get("/v1/albums").status_code == 401
    assert http.delete(created.headers["location"], headers=write).status_code == 204
