"""Exports of clips over HTTP, in both clients and on the command line; tasks run in the test."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import os
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import pytest
from click.testing import CliRunner
from sqlalchemy import update

import mm
from indexes.catalog.catalog import Catalog
from indexes.catalog.records.tasks import TaskRow
from indexes.catalog.tables import Task
from mm.cli.main import main
from mm.errors import Conflict, InvalidInput, NotFound, TooLarge
from mm.schemas import EntrySpec, Export
from mm.settings import Settings
from tests.api import media
from tests.api.inspection.conftest import InspectionServer, run_inspection_server
from tests.graphs import with_graphs
from tests.media_files import Clicks, Track, steady, write

GOP = {"g": "10", "bf": "0", "keyint_min": "10", "sc_threshold": "0"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Iterator[InspectionServer]:
    with run_inspection_server(Settings(home=with_graphs(tmp_path_factory.mktemp("exports"), graphs), max_attempts=2)) as server:
        yield server


@pytest.fixture(scope="module")
def video(server: InspectionServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = write(tmp_path_factory.mktemp("video") / "a.mp4", Track(steady(20, 80), options=GOP), Clicks(at=[1.0], seconds=4.0))
    return server.add(path.read_bytes(), "ferry.mp4")


@pytest.fixture(scope="module")
def sound(server: InspectionServer) -> str:
    return server.add(media.audio(3.0), "tone.wav")


def make_due(server: InspectionServer) -> None:
    """End all leases and pauses between attempts."""
    with server.context.store.database.write() as session:
        session.execute(update(Task).where(Task.done.is_(False)).values(due_at=0.0, leased_until=0.0))


def measure(data: bytes) -> float:
    """Seconds of the decoded frames of a clip."""
    with av.open(io.BytesIO(data)) as container:
        return len(list(container.decode(video=0))) / 20


def test_one_clip_is_its_file_and_says_which_times_it_has(server: InspectionServer, video: str) -> None:
    export = server.client.exports.create([EntrySpec(item=video, start=1.0, end=2.0)], exact=True)
    assert (export.state, export.clips, export.done, export.content) == ("queued", 1, 0, None)
    with pytest.raises(Conflict, match="queued"):
        server.client.exports.content(export.id)
    server.work()
    done = server.client.exports.wait(export.id)
    assert (done.state, done.done, done.failures, done.content) == ("done", 1, [], f"/v1/exports/{export.id}/content")
    response = server.api.client.get(done.content or "")
    assert "0001%20ferry%201.000-2.000.mp4" in response.headers["content-disposition"]
    assert measure(response.content) == pytest.approx(1.0)
    part = server.api.client.get(done.content or "", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, response.content[:10])


def test_several_clips_are_a_zip_with_a_manifest_also_of_what_failed(server: InspectionServer, video: str, sound: str) -> None:
    gone = server.add(media.video(2.0, seed=11), "gone.mp4")
    specs = [EntrySpec(item=video, start=1.2, end=2.0), EntrySpec(item=sound, start=0.5, end=1.5), EntrySpec(item=gone)]
    export = server.client.exports.create(specs)
    server.client.delete(gone)
    server.work()
    done = server.client.exports.get(export.id)
    assert (done.state, done.done, [failure.item for failure in done.failures]) == ("done", 2, [gone])
    assert "trash" in done.failures[0].error
    for _ in range(2):
        with zipfile.ZipFile(io.BytesIO(server.client.exports.content(export.id))) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            assert archive.testzip() is None
            names = [name for name in archive.namelist() if name != "manifest.json"]
    assert [clip["file"] for clip in manifest["clips"]] == names
    assert [(clip["start"], clip["requested"]["start"]) for clip in manifest["clips"]] == [(1.0, 1.2), (0.5, 0.5)]
    assert manifest["failures"][0]["item"] == gone
    assert names == ["0001 ferry 1.000-2.000.mp4", "0002 tone 0.500-1.500.wav"]


def test_creating_an_export_is_in_the_audit_log(server: InspectionServer, video: str) -> None:
    export = server.client.exports.create([EntrySpec(item=video, start=0.0, end=1.0)], exact=True)
    (entry,) = [row for row in server.client.audit(action="export.create").entries if row.subject == export.id]
    assert (entry.actor, entry.detail) == ("local", {"clips": 1, "exact": True, "items": [video]})


def test_album_is_exported_without_its_images(server: InspectionServer, video: str) -> None:
    image = server.add(media.image(7001), "still.png")
    album = server.client.albums.create("clips").id
    server.client.albums.add(album, [image, EntrySpec(item=video, start=0.0, end=1.0)])
    export = server.client.exports.create(album=album, exact=True)
    assert export.clips == 1
    server.work()
    assert measure(server.client.exports.content(export.id)) == pytest.approx(1.0)


def test_killed_worker_loses_no_clip_and_cuts_none_twice(
    server: InspectionServer, video: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = [EntrySpec(item=video, start=0.0, end=1.0), EntrySpec(item=video, start=1.0, end=2.0)]
    export = server.client.exports.create(specs)
    catalog = server.context.store.catalog
    finish = type(catalog).finish_task

    def die(catalog: Catalog, task: TaskRow, owner: str) -> bool:
        if task.job_id != export.id:
            return finish(catalog, task, owner)
        raise KeyboardInterrupt  # after the first clip is stored, and before its task ends

    monkeypatch.setattr(type(catalog), "finish_task", die)
    with pytest.raises(KeyboardInterrupt):
        server.work()
    monkeypatch.setattr(type(catalog), "finish_task", finish)
    stored = server.context.store.exports.list_clips(export.id)
    assert len(stored) == 1
    (server.context.settings.root / "exports" / export.id / ".clip-00001.data.0000.part").write_bytes(b"half")
    folder = server.context.settings.root / "exports" / export.id
    first = (folder / stored[0].file).stat().st_mtime_ns
    make_due(server)
    server.work()
    done = server.client.exports.get(export.id)
    assert (done.state, done.done) == ("done", 2)
    assert (folder / stored[0].file).stat().st_mtime_ns == first, "it was stored already"


def test_full_disk_is_named_and_leaves_no_part_of_a_clip(
    server: InspectionServer, video: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = server.client.exports.create([EntrySpec(item=video, start=0.0, end=1.0)])
    real = os.fsync

    def full(handle: int) -> None:
        if "/exports/" in str(Path(f"/proc/self/fd/{handle}").readlink()):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    for _ in range(3):
        server.work()
        make_due(server)
    done = server.client.exports.get(export.id)
    assert done.state in {"failed", "quarantined"}
    assert "No space left" in (done.error or "") + "".join(failure.error for failure in done.failures)
    assert not list((server.context.settings.root / "exports" / export.id).glob("*clip*"))
    assert done.content is None


def test_unreadable_source_is_named(server: InspectionServer, tmp_path: Path) -> None:
    data = media.video(2.0, seed=12)
    item = server.add(data, "broken.mp4")
    row = server.context.store.catalog.get_item(item)
    assert row is not None
    path = server.context.store.blobs.path(row.sha256)
    path.unlink()
    export = server.client.exports.create([EntrySpec(item=item)])
    server.work()
    done = server.client.exports.get(export.id)
    assert done.state == "failed"
    assert "broken.mp4" in (done.error or "")
    path.write_bytes(data)


def test_export_is_cancelled_deleted_and_expires(server: InspectionServer, video: str) -> None:
    cancelled = server.client.exports.create([EntrySpec(item=video)])
    server.client.cancel(cancelled.id)
    server.work()
    assert server.client.exports.get(cancelled.id).state == "cancelled"
    export = server.client.exports.create([EntrySpec(item=video, start=0.0, end=1.0)])
    server.work()
    assert server.context.store.exports.expire(7.0) == 0
    old = time.time() - 8 * 24 * 3600
    os.utime(server.context.settings.root / "exports" / export.id, (old, old))
    assert server.context.store.exports.expire(0.0) == 0
    assert server.context.store.exports.expire(7.0) == 1
    expired = server.client.exports.get(export.id)
    assert (expired.is_expired, expired.content) == (True, None)
    with pytest.raises(NotFound, match="expired"):
        server.client.exports.content(export.id)
    deleted = server.client.exports.create([EntrySpec(item=video)])
    server.client.exports.delete(deleted.id)
    assert server.client.exports.get(deleted.id).state == "cancelled"
    assert deleted.id in {entry.id for entry in server.client.exports.list()}


def test_invalid_exports_are_refused(server: InspectionServer, video: str) -> None:
    image = server.add(media.image(7002), "still.png")
    create = server.client.exports.create
    after, reverse = EntrySpec(item=video, start=9.0, end=10.0), EntrySpec(item=video, start=2.0, end=1.0)
    for specs in ([], [EntrySpec(item=image)], [after], [reverse]):
        with pytest.raises(InvalidInput):
            create(specs)
    with pytest.raises(NotFound):
        create([EntrySpec(item="0" * 32)])
    with pytest.raises(NotFound):
        create(album="unknown")
    with pytest.raises(TooLarge):
        create([EntrySpec(item=video)] * 1001)
    for export_id in ("unknown", "..%2f..", server.api.client.get("/v1/jobs").json()["data"][0]["id"]):
        assert server.api.client.get(f"/v1/exports/{export_id}").status_code == 404


def test_asynchronous_client_exports_a_clip(server: InspectionServer, video: str) -> None:
    async def run() -> Export:
        async with mm.AsyncClient(server.api.url) as client:
            export = await client.exports.create([EntrySpec(item=video, start=0.0, end=1.0)])
            await asyncio.to_thread(server.work)
            return await client.exports.wait(export.id)

    assert asyncio.run(run()).state == "done"


def test_command_writes_clips_and_lists(server: InspectionServer, video: str, tmp_path: Path) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, ["export", *arguments, "--url", server.api.url])
        assert result.exit_code == code, result.output
        return result.output

    with ThreadPoolExecutor(1) as pool:
        cutting = pool.submit(run, "clips", f"{video}@0-1", "--exact", "-o", str(tmp_path / "clip.mp4"))
        while not cutting.done():
            server.work()
            time.sleep(0.02)
        cutting.result()
    assert measure((tmp_path / "clip.mp4").read_bytes()) == pytest.approx(1.0)
    run("clips", f"{video}@0-1", "-o", str(tmp_path / "clip.mp4"), code=2)
    run("clips", "-o", str(tmp_path / "none.mp4"), code=2)
    album = server.client.albums.create("listed").id
    server.client.albums.add(album, [video])
    run("csv", "--album", "listed", "-o", str(tmp_path / "album.csv"))
    assert "ferry.mp4" in (tmp_path / "album.csv").read_text("utf-8-sig")
    run("sheet", "--album", "listed", "-o", str(tmp_path / "album.html"))
    run("json", "--album", "listed", "-o", str(tmp_path / "album.json"))
    assert json.loads((tmp_path / "album.json").read_text())["album"]["name"] == "listed"
