"""Reindexing a library in another space and back, on a real service, during searches."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from indexes import open_store
from indexes.catalog.tables import Publication
from mm.client import Client
from mm.settings import load_settings
from tests.api import media
from tests.graphs import with_graphs
from tests.openclip_models import write_model
from tests.service_process import RunningService, Shell, run_service
from tests.waiting import join_thread

PICTURES, SECONDS = 20, 300.0


@pytest.fixture
def service(tmp_path: Path, graphs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningService]:
    monkeypatch.setenv("MM_LEASE_SECONDS", "2")
    monkeypatch.setenv("MM_SWEEP_SECONDS", "0.5")
    with run_service(with_graphs(tmp_path / "home", graphs)) as service:
        yield service


def test_reindex_and_undo_keep_every_item_searchable_when_the_worker_is_killed(service: RunningService, tmp_path: Path) -> None:
    model = f"openclip:local-dir:{write_model(tmp_path / 'model', 'plain')}"
    shell = Shell(service.home)
    for number in range(PICTURES):
        (tmp_path / f"{number}.png").write_bytes(media.image(number))
    (tmp_path / "video.mp4").write_bytes(media.video(8.0, seed=1))
    assert shell("add", *tmp_path.glob("*.png"), tmp_path / "video.mp4").exit_code == 0
    count = PICTURES + 1
    observed: list[tuple[str, int]] = []
    finished = threading.Event()

    def search_repeatedly() -> None:
        with Client(service.url) as client:
            while not finished.is_set():
                response = client.search("a red square", k=50, floor=0.0, fold=False)
                observed.append((response.space, len({hit.item.id for hit in response.hits})))

    searching = threading.Thread(target=search_repeatedly)
    searching.start()
    try:
        with Client(service.url) as client:
            assert shell("space", "move", model, "--no-wait").exit_code == 0
            wait_for(client, lambda moved: moved >= 3)
            os.kill(service.pids["worker"], signal.SIGKILL)
            stopped = json.loads(shell("space", "stop", "--json").stdout)
            assert stopped["state"] == "stopped"
            shown = shell("space", "show")
            assert "encoding" in shown.stdout
            assert "stopped" in shown.stderr
            resumed = shell("space", "resume")
            assert resumed.exit_code == 0, resumed.output
            assert resumed.stdout.strip().endswith(f"done, {count} of {count} items")
            target = wait_for_space(client, model)
            late = client.add(media.image(1000), name="late.png", wait=True)
            assert late.item.id in {hit.item.id for hit in client.search("a", k=50, floor=0.0, fold=False).hits}
            undone = shell("space", "undo")
            assert undone.stdout.strip().endswith(f"done, {count + 1} of {count + 1} items")
            wait_for_space(client, "lite")
            assert shell("space", "drop", "lite@1").exit_code == 1
            assert shell("space", "drop", target).exit_code == 0
            assert [entry["id"] for entry in json.loads(shell("space", "show", "--json").stdout)["spaces"]] == ["lite@1"]
    finally:
        finished.set()
        join_thread(searching)
    assert {space for space, _ in observed} == {"lite@1", target}
    assert {num_found for _, num_found in observed} <= {count, count + 1}, "every search found every item"
    with open_store(load_settings(home=service.home)) as store, store.database.read() as session:
        assert {row.space for row in session.query(Publication)} == {"lite@1"}
        assert session.query(Publication).count() == count + 1


def wait_for(client: Client, condition: Callable[[int], bool]) -> None:
    end = time.monotonic() + SECONDS
    while (move := client.space().move) is None or not condition(move.moved):
        assert time.monotonic() < end, f"the reindexing has not got far enough: {move}"
        time.sleep(0.02)


def wait_for_space(client: Client, name: str) -> str:
    """Wait until searches use the space; they follow the catalog with a delay."""
    end = time.monotonic() + SECONDS
    while (space := client.space()).name != name or client.search("a", floor=0.0).space != space.id:
        assert time.monotonic() < end, f"searches still use {space.name}, not {name}"
        time.sleep(0.05)
    return space.id
