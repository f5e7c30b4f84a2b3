"""Reindexing while the API serves searches: from the source until all items are encoded, then from
the target."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mm.media.types import Span
from mm.settings import Settings
from mm.spaces import load_space
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment
from tests.api import media
from tests.api.conftest import ApiServer, add_searchable, assert_problem, run_server
from tests.graphs import with_graphs
from tests.openclip_models import weights_of, write_model
from tests.waiting import join_thread
from workers.tasks.segment_shards import read_segments, write_segments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from indexes.catalog.records import JobRow
    from mm.spaces import Space

SECONDS = 300.0


@pytest.fixture
def model(tmp_path: Path) -> str:
    return f"openclip:local-dir:{write_model(tmp_path / 'plain', 'plain')}"


@pytest.fixture
def api(tmp_path: Path, graphs: Path) -> Iterator[ApiServer]:
    with run_server(Settings(home=with_graphs(tmp_path / "home", graphs), threads=1, refresh_seconds=0.1)) as service:
        yield service


def make_segments(space: Space, words: str) -> list[EncodedSegment]:
    """One segment with the vector of a text."""
    return [EncodedSegment(0.0, 0.0, 0, [EncodedEvidence("picture", 0.0, 0.0, None, space.text.embed([words])[0])])]


def process_job(api: ApiServer, space: Space, job: JobRow) -> None:
    """Process a job of the reindexing as a worker does."""
    store = api.service.store
    (chunk,) = store.catalog.plan_job(job.id, space.id, [Span(0.0, 0.0)])
    assert store.catalog.lease_chunk(chunk.pk, "test", 60.0)
    shard_id = write_segments(store.shards, space.id, make_segments(space, job.item_id))
    assert store.catalog.finish_chunk(chunk.pk, "test", shard_id)
    assert store.catalog.commit_item(job.id, read_segments(store.shards, space.id, [shard_id]))


def ask(api: ApiServer) -> dict[str, Any]:
    response: dict[str, Any] = api.client.post("/v1/search", json={"text": "a dog", "floor": 0}).raise_for_status().json()
    return response


def read_space(api: ApiServer) -> dict[str, Any]:
    response: dict[str, Any] = api.client.get("/v1/space").raise_for_status().json()
    return response


def wait_until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def test_search_continues_during_reindex_and_switches_at_end(api: ApiServer, model: str) -> None:
    service, here = api.service, api.service.space
    items = {add_searchable(api, media.image(n), f"{n}.png", "x", make_segments(here, f"thing {n}")) for n in range(3)}
    assert read_space(api) == {
        "id": "lite@1", "name": "lite", "spaces": [{"id": "lite@1", "items": 3, "role": "served"}], "move": None, "notes": [],
    }  # fmt: skip
    stop = threading.Event()
    results: list[tuple[str, int]] = []

    def keep_asking() -> None:
        while not stop.is_set():
            response = ask(api)
            results.append((response["space"], len(response["hits"])))

    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        begun = api.client.post("/v1/space/move", json={"to": model})
        assert begun.status_code == 202, begun.text
        assert (begun.json()["state"], begun.json()["items"], begun.json()["moved"]) == ("running", 3, 0)
        there = load_space(model, service.settings)
        wait_until(lambda: len(read_space(api)["spaces"]) == 2, "the target space is listed")
        for job in service.store.catalog.create_reindex_jobs(10):
            assert ask(api)["space"] == "lite@1"
            process_job(api, there, job)
        wait_until(lambda: service.spaces._prepared is not None and service.spaces._prepared.is_ready, "the target is loaded")
        assert service.store.catalog.finish_reindex()
        assert ask(api)["space"] == str(there.id), "the next search"
    finally:
        stop.set()
        join_thread(asking)
    assert {hits for _, hits in results} == {3}
    assert [space for space, _ in results] == sorted((space for space, _ in results), key=lambda space: space != "lite@1")
    space = read_space(api)
    assert (space["id"], space["name"], space["move"]["state"]) == (str(there.id), model, "done")
    assert {(data["id"], data["role"], data["items"]) for data in space["spaces"]} == {
        ("lite@1", "kept", 3),
        (str(there.id), "served", 3),
    }
    (listed, _) = api.client.get("/v1/models").json()["data"]
    assert listed["id"] == str(there.id)
    for item in items:
        assert len(api.client.get(f"/v1/media/{item}/segments").json()["segments"]) == 1
        assert api.client.post("/v1/search", json={"like": {"item": item, "time": 0.0}, "floor": 0}).status_code == 200

    back = api.client.post("/v1/space/move/undo").json()
    assert (back["source"], back["target"], back["moved"]) == (model, "lite", 3)
    wait_until(lambda: service.spaces._prepared is not None and service.spaces._prepared.is_ready, "the source is loaded again")
    assert service.store.catalog.finish_reindex()
    assert ask(api)["space"] == "lite@1"
    assert_problem(api.client.delete("/v1/space/lite@1"), 409, "conflict")
    assert api.client.delete(f"/v1/space/{there.id}").status_code == 204
    assert_problem(api.client.delete(f"/v1/space/{there.id}"), 404, "not-found")
    assert_problem(api.client.delete("/v1/space/nonsense"), 400, "invalid-input")
    assert [data["id"] for data in read_space(api)["spaces"]] == ["lite@1"]


@pytest.fixture
def prepared(api: ApiServer, model: str) -> ApiServer:
    """A reindexing into `model` with all items encoded, not finished, its target loaded. Only
    the test calls `update`."""
    spaces = api.service.spaces
    add_searchable(api, media.image(1), "a.png", "x", make_segments(api.service.space, "a dog"))
    spaces._thread.stop()
    api.client.post("/v1/space/move", json={"to": model}).raise_for_status()
    (job,) = api.service.store.catalog.create_reindex_jobs(10)
    process_job(api, load_space(model, api.service.settings), job)
    spaces.update()
    wait_until(lambda: spaces._prepared is not None and spaces._prepared.is_ready, "the target is prepared")
    return api


def test_space_manager_update_keeps_space_when_reindex_ends(prepared: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reindexing ends between the two reads of the catalog that determine the target."""
    catalog, spaces = prepared.service.store.catalog, prepared.service.spaces
    library_space, latest_reindex = catalog.get_library_space, catalog.get_latest_reindex
    ends = iter([catalog.finish_reindex])

    def read_name() -> Any:
        try:
            return library_space()
        finally:
            for end in ends:
                end()

    def read_move() -> Any:
        try:
            return latest_reindex()
        finally:
            for end in ends:
                end()

    monkeypatch.setattr(catalog, "get_library_space", read_name)
    monkeypatch.setattr(catalog, "get_latest_reindex", read_move)
    spaces.update()
    assert ask(prepared)["space"] != "lite@1"


def test_space_manager_update_during_switch_opens_space_once(prepared: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request arrives between the choice of the target and its preparation."""
    catalog, spaces = prepared.service.store.catalog, prepared.service.spaces
    assert catalog.finish_reindex()
    get_target = spaces._get_target

    def get_target_before_request() -> str | None:
        name = get_target()
        assert ask(prepared)["space"] != "lite@1"
        return name

    monkeypatch.setattr(spaces, "_get_target", get_target_before_request)
    spaces.update()
    assert spaces._prepared is None


def test_reindex_can_be_stopped_resumed_and_undone(api: ApiServer, model: str) -> None:
    add_searchable(api, media.image(1), "a.png", "x", make_segments(api.service.space, "a dog"))
    for what in ("stop", "resume", "undo"):
        assert_problem(api.client.post(f"/v1/space/move/{what}"), 409, "conflict")
    assert_problem(api.client.post("/v1/space/move", json={"to": "lite"}), 409, "conflict")
    assert_problem(api.client.post("/v1/space/move", json={"to": "huge"}), 404, "not-found")
    assert_problem(api.client.post("/v1/space/move", json={"to": "openclip:ViT-B-32/laion2b_s34b_b79k"}), 404, "not-found")
    assert_problem(api.client.post("/v1/space/move", json={"to": "openclip:local-dir:/nowhere"}), 400, "invalid-input")
    api.client.post("/v1/space/move", json={"to": model}).raise_for_status()
    assert_problem(api.client.post("/v1/space/move", json={"to": model}), 409, "conflict")
    assert api.client.post("/v1/space/move/stop").json()["state"] == "stopped"
    assert api.client.post("/v1/space/move/resume", json={"leave_out": True}).json()["state"] == "running"
    assert api.client.post("/v1/space/move/undo").json()["state"] == "undone"
    assert ask(api)["space"] == "lite@1"


def test_service_started_after_reindex_uses_target_space(tmp_path: Path, graphs: Path, model: str) -> None:
    settings = Settings(home=with_graphs(tmp_path / "home", graphs), threads=1)
    with run_server(settings) as api:
        add_searchable(api, media.image(1), "a.png", "x", make_segments(api.service.space, "a dog"))
        api.client.post("/v1/space/move", json={"to": model}).raise_for_status()
        there = load_space(model, settings)
        (job,) = api.service.store.catalog.create_reindex_jobs(10)
        process_job(api, there, job)
        assert api.service.store.catalog.finish_reindex()
    with run_server(settings) as api:
        assert ask(api)["space"] == str(there.id)
        assert len(ask(api)["hits"]) == 1


def test_unloadable_target_space_keeps_current_and_is_reported(api: ApiServer, model: str) -> None:
    add_searchable(api, media.image(1), "a.png", "x", make_segments(api.service.space, "a dog"))
    api.client.post("/v1/space/move", json={"to": model}).raise_for_status()
    wait_until(lambda: api.service.spaces._prepared is not None, "the target is opened")
    api.client.post("/v1/space/move/stop").raise_for_status()
    wait_until(lambda: api.service.spaces._prepared is None, "the target is closed while the reindexing is stopped")
    weights_of(Path(model.removeprefix("openclip:local-dir:"))).unlink()
    api.client.post("/v1/space/move/resume").raise_for_status()
    wait_until(lambda: bool(read_space(api)["notes"]), "the reason is reported")
    (note,) = read_space(api)["notes"]
    assert note.startswith("Searches continue to use lite@1: ")
    (check,) = [check for check in api.client.get("/readyz").json()["checks"] if check["name"] == "move"]
    assert (check["ok"], check["required"], check["detail"]) == (False, False, note)
    assert ask(api)["space"] == "lite@1"
    api.client.post("/v1/space/move/undo").raise_for_status()
    wait_until(lambda: not read_space(api)["notes"], "over")


def test_unreadable_weights_are_reported_without_retry(api: ApiServer, model: str) -> None:
    weights = weights_of(Path(model.removeprefix("openclip:local-dir:")))
    weights.write_bytes(b"nothing but noise")
    add_searchable(api, media.image(1), "a.png", "x", make_segments(api.service.space, "a dog"))
    api.client.post("/v1/space/move", json={"to": model}).raise_for_status()
    wait_until(lambda: bool(read_space(api)["notes"]), "the reason is reported")
    assert ask(api)["space"] == "lite@1"
