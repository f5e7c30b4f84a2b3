"""Larger spaces over HTTP: options, a measurement, and a move that downloads its files first."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from mm.machine import Machine
from mm.settings import Settings
from mm.spaces.larger import hub as larger_hub
from mm.spaces.larger import table
from tests.api import media
from tests.api.conftest import ApiServer, add_searchable, assert_problem, run_server
from tests.api.spaces.test_reindex import make_segments, read_space, wait_until
from tests.graphs import with_graphs
from tests.model_hub import ModelHub, run_hub
from tests.openclip_models import weights_of, write_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TINY, FOREIGN = "openclip:hf-hub:mm/tiny", "openclip:hf-hub:mm/other"
ROWS = """
[sources]
recall = "a test, commit 0"
profile = "a test, commit 0"
read = 2026-11-30

[lite]
recall = 36.1
set = "a set"

[[space]]
name = "openclip:hf-hub:mm/tiny"
repository = "mm/tiny"
licence = "MIT"
million_parameters = 1.6
image_gflops = 0.01
dim = 24
flickr30k = [60.0, 70.0]
coco = [40.0, 50.0]
"""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelHub]:
    """A hub with a small model, and a table that offers only this model."""
    (tmp_path / "table.toml").write_text(ROWS)
    monkeypatch.setattr(table, "TABLE", tmp_path / "table.toml")
    folder = write_model(tmp_path / "model", "plain")
    with run_hub() as running:
        for name, value in {"HF_HUB_CACHE": str(tmp_path / "cache"), "HF_ENDPOINT": running.url}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", running.url)
        monkeypatch.setattr(larger_hub, "PAUSE_SECONDS", 0.0)
        running.files = {f"mm/tiny/{path.name}": path for path in (weights_of(folder), folder / "open_clip_config.json")}
        yield running


@contextmanager
def run_api(tmp_path: Path, graphs: Path) -> Iterator[ApiServer]:
    home = tmp_path / "home"
    with run_server(Settings(home=home if home.exists() else with_graphs(home, graphs), threads=1, refresh_seconds=0.1)) as api:
        yield api


@pytest.fixture
def api(tmp_path: Path, graphs: Path, hub: ModelHub) -> Iterator[ApiServer]:
    with run_api(tmp_path, graphs) as running:
        add_searchable(running, media.image(1), "1.png", "x", make_segments(running.service.space, "a dog"))
        yield running


def read_option(api: ApiServer, *, network: bool = False) -> dict[str, Any]:
    options = api.client.get("/v1/space/options", params={"network": network}).raise_for_status().json()
    (option,) = options["options"]
    return {**option, "options": options}


def start(api: ApiServer, **body: object) -> Any:
    return api.client.post("/v1/space/move", json={"to": TINY, **body})


def read_state(api: ApiServer) -> str | None:
    move = read_space(api)["move"]
    return None if move is None else str(move["state"])


def test_options_state_recall_needs_and_source(api: ApiServer, hub: ModelHub) -> None:
    option = read_option(api, network=True)
    assert (option["name"], option["licence"], option["repository"]) == (TINY, "MIT", f"{hub.url}/mm/tiny")
    assert (option["flickr30k"]["text_to_image"], option["coco"]["image_to_text"]) == (60.0, 50.0)
    assert (option["on_disk"], option["can_start"], option["recommended"], option["obstacle"]) == (False, True, True, None)
    assert option["seconds"] is None, "no image was encoded by a worker, so that no speed is known"
    assert option["options"]["images"] == 1
    assert option["options"]["machine"]["is_network_known"]
    assert "2026-11-30" in option["options"]["source"]
    assert hub.ranges == [], "nothing is downloaded"


def test_time_is_estimated_once_a_speed_is_known(api: ApiServer) -> None:
    with api.service.store.catalog._database.write() as session:
        from indexes.catalog.tables import Speed

        session.add(Speed(kind="image", seconds=2.0))
    low, high = read_option(api)["seconds"]
    assert 1.6 <= low < high
    assert 3.0 <= high < 60.0


def test_missing_network_is_an_obstacle_that_says_what_to_copy(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    option = read_option(api, network=True)
    assert not option["can_start"]
    assert "http://127.0.0.1:9 does not respond" in option["obstacle"]
    assert "hf download mm/tiny" in option["obstacle"]
    assert "models--mm--tiny" in option["obstacle"]
    assert "HF_HUB_CACHE" in option["obstacle"]


def test_machine_with_too_little_memory_cannot_start_it(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.spaces.advice.read_machine", lambda: Machine(1.0, ()))
    option = read_option(api)
    assert not option["can_start"]
    assert not option["recommended"]
    assert "GiB of memory" in option["obstacle"]


def test_missing_files_are_not_downloaded_without_the_request(api: ApiServer, hub: ModelHub) -> None:
    assert "downloads are disabled" in assert_problem(start(api), 404, "not-found")["detail"]
    assert hub.ranges == []
    assert TINY in assert_problem(start(api, to=FOREIGN, download=True), 404, "not-found")["detail"]


def test_move_downloads_its_files_and_begins(api: ApiServer, hub: ModelHub) -> None:
    begun = start(api, download=True)
    assert begun.status_code == 202
    assert (begun.json()["state"], begun.json()["items"], begun.json()["download_bytes"]) == ("downloading", 1, 6_400_000)
    assert "being downloaded" in assert_problem(start(api, download=True), 409, "conflict")["detail"]
    wait_until(lambda: read_state(api) == "running", "the files are downloaded")
    move = read_space(api)["move"]
    assert (move["target"], move["downloaded_bytes"], move["download_bytes"]) == (TINY, None, None)
    assert read_option(api)["on_disk"]
    assert not (api.service.settings.root / "spaces" / "download.json").exists()
    (entry,) = [row for row in api.client.get("/v1/audit").json()["entries"] if row["action"] == "space.move"]
    assert entry["actor"] == "local"
    assert start(api).status_code == 409


def test_stopped_download_continues_and_cancelled_one_is_gone(api: ApiServer, hub: ModelHub) -> None:
    hub.hold_after = 1000
    start(api, download=True)
    wait_until(lambda: (read_space(api)["move"]["downloaded_bytes"] or 0) > 0, "bytes arrive")
    stopped = api.client.post("/v1/space/move/stop")
    assert (stopped.status_code, stopped.json()["state"]) == (200, "stopped")
    assert_problem(api.client.post("/v1/space/move/stop"), 409, "conflict")
    assert read_space(api)["move"]["downloaded_bytes"] > 0
    hub.hold_after = None
    assert api.client.post("/v1/space/move/resume").json()["state"] == "downloading"
    wait_until(lambda: read_state(api) == "running", "the download continues")
    assert any(requested not in {"bytes=0-", ""} for requested in hub.ranges)
    assert api.client.post("/v1/space/move/undo").json()["state"] == "undone"


def test_cancelled_download_leaves_nothing(api: ApiServer, hub: ModelHub, tmp_path: Path) -> None:
    hub.hold_after = 1000
    start(api, download=True)
    wait_until(lambda: (read_space(api)["move"]["downloaded_bytes"] or 0) > 0, "bytes arrive")
    assert api.client.post("/v1/space/move/undo").json()["state"] == "undone"
    assert read_space(api)["move"] is None
    wait_until(lambda: not list((tmp_path / "cache").rglob("*.mm-part")), "the partial file is removed")


def test_failed_download_stops_with_its_reason(api: ApiServer, hub: ModelHub) -> None:
    hub.etags["mm/tiny/open_clip_model.safetensors"] = "0" * 64
    start(api, download=True)
    wait_until(lambda: read_state(api) == "stopped", "the download stops")
    assert "checksum" in read_space(api)["move"]["error"]


def test_download_continues_after_a_restart(tmp_path: Path, graphs: Path, hub: ModelHub) -> None:
    hub.hold_after = 1000
    with run_api(tmp_path, graphs) as api:
        add_searchable(api, media.image(1), "1.png", "x", make_segments(api.service.space, "a dog"))
        start(api, download=True)
        wait_until(lambda: (read_space(api)["move"]["downloaded_bytes"] or 0) > 0, "bytes arrive")
    hub.hold_after = None
    state = json.loads((tmp_path / "home" / "spaces" / "download.json").read_text())
    assert (state["to"], state["state"]) == (TINY, "downloading")
    with run_api(tmp_path, graphs) as api:
        wait_until(lambda: read_state(api) == "running", "the download continues")
        assert any(requested not in {"bytes=0-", ""} for requested in hub.ranges)


def test_measured_space_has_a_measured_time(api: ApiServer, hub: ModelHub) -> None:
    def measure() -> Any:
        return api.client.post("/v1/space/measure", json={"to": TINY})

    assert "can only be estimated" in assert_problem(measure(), 404, "not-found")["detail"]
    api.upload_item(media.image(2), "2.png")
    start(api, download=True)
    wait_until(lambda: read_state(api) == "running", "the files are downloaded")
    found = measure()
    assert found.status_code == 200, found.text
    (option,) = found.json()["options"]
    assert (option["on_disk"], option["is_measured"]) == (True, True)
