"""Order of durable steps: flush the bytes, rename, flush the folder, then write the catalog."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from indexes import open_store
from indexes.catalog.catalog import Catalog
from mm.settings import Settings
from mm.spaces.types import SpaceId
from tests.api import media
from tests.api.conftest import run_server
from tests.graphs import with_graphs


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path]]:
    """The durable steps in order: `flush` and `name`, each with the path."""
    done: list[tuple[str, Path]] = []
    fsync, replace = os.fsync, Path.replace

    def recorded_fsync(handle: int) -> None:
        fsync(handle)
        done.append(("flush", Path(f"/proc/self/fd/{handle}").readlink()))

    def recorded_replace(self: Path, target: Path) -> Path:
        result = replace(self, target)
        done.append(("name", Path(target)))
        return result

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(Path, "replace", recorded_replace)
    return done


def assert_durable(steps: list[tuple[str, Path]], path: Path) -> None:
    """Check the order: flush of bytes and new folders, rename, flush of the folder."""
    named = steps.index(("name", path))
    assert any(step == "flush" and flushed.suffix == ".part" for step, flushed in steps[:named])
    assert ("flush", path.parent) in steps[named:]
    assert ("flush", path.parent.parent) in steps[:named]


def test_upload_is_durable_before_its_catalog_row(
    tmp_path: Path, graphs: Path, steps: list[tuple[str, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before: list[list[tuple[str, Path]]] = []
    add_item = Catalog.add_item

    def recorded(self: Catalog, *new: object) -> object:
        before.append(list(steps))
        return add_item(self, *new)  # type: ignore[arg-type]

    with run_server(Settings(home=with_graphs(tmp_path, graphs))) as api:
        monkeypatch.setattr(Catalog, "add_item", recorded)
        response = api.upload(media.image(301))
        assert response.status_code == 202
        item = api.service.store.catalog.get_item(response.json()["item"]["id"])
        assert item is not None
        assert_durable(before[0], api.service.store.blobs.path(item.sha256))


def test_shard_is_durable_when_its_write_returns(tmp_path: Path, steps: list[tuple[str, Path]]) -> None:
    with open_store(Settings(home=tmp_path)) as store:
        steps.clear()
        shard_id = store.shards.write(SpaceId("lite", 1), {"picture": np.ones((1, 8), np.float16)}, [])
        assert_durable(steps, store.shards.path(shard_id))
