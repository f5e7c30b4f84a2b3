"""Each kind of write on a full disk: the error names it, nothing is partial, and it works again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from indexes import Store, open_store
from indexes.search.brute_force import search_brute_force
from indexes.search.searcher import Searcher
from indexes.storage.markers import MARKER
from indexes.vectors.index import SpaceIndex
from mm.errors import Unavailable
from mm.schemas import Filters
from mm.settings import Settings
from mm.spaces.types import SpaceId
from tests.api import media
from tests.api.conftest import ApiServer, run_server
from tests.crash.small_disk import SmallDisk, refusal, small_disk
from tests.graphs import with_graphs
from tests.indexes.library import SPACE, add, publish, random_query

DISK_BYTES = 6 << 20
STEPS = [0, 4096, 16384]
"""Free bytes: the write fails at its start or in the middle."""

pytestmark = pytest.mark.skipif(bool(refusal()), reason=f"no file system can be mounted: {refusal()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", DISK_BYTES) as disk:
        yield disk


@pytest.fixture
def store(disk: SmallDisk) -> Iterator[Store]:
    with open_store(Settings(home=disk.path / "home")) as store:
        yield store


@pytest.fixture
def api(disk: SmallDisk, graphs: Path) -> Iterator[ApiServer]:
    with run_server(Settings(home=with_graphs(disk.path / "home", graphs))) as api:
        api.service.towers.wait()  # the first start builds their graphs
        yield api


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def assert_refused(disk: SmallDisk, left: int, write: Callable[[], object]) -> None:
    """Fill the disk and check that the write reports it."""
    disk.fill(left)
    with pytest.raises(Unavailable, match=r"No space left|full"):
        write()


@pytest.mark.parametrize("left", STEPS[::2])
def test_upload_on_a_full_disk_is_refused_and_leaves_nothing(api: ApiServer, disk: SmallDisk, left: int) -> None:
    item = api.upload_item(media.image(1))
    before = api.blobs()
    disk.fill(left)
    response = api.upload(media.audio(5.0), "a.wav")
    assert response.status_code == 507, response.text
    assert "No space left" in response.json()["detail"]
    assert "Retry-After" in response.headers
    assert api.blobs() == before
    assert not api.client.get("/readyz").json()["ready"]
    assert api.client.get(f"/v1/media/{item['id']}/content").content == media.image(1)
    disk.free()
    assert api.upload(media.audio(5.0), "a.wav").status_code == 202
    assert len(api.client.get("/v1/media").json()["items"]) == 2


def test_thumbnail_on_a_full_disk_is_served_and_not_cached(api: ApiServer, disk: SmallDisk) -> None:
    item = api.upload_item(media.image(1))
    disk.fill()
    response = api.client.get(f"/v1/media/{item['id']}/thumbnail")
    assert response.status_code == 200, "a thumbnail that cannot be cached is served"
    assert not files(api.service.settings.root / "cache" / "thumbnails")
    disk.free()
    assert api.client.get(f"/v1/media/{item['id']}/thumbnail").content == response.content
    assert len(files(api.service.settings.root / "cache" / "thumbnails")) == 1


@pytest.mark.parametrize("left", STEPS)
def test_shard_write_on_a_full_disk_raises_and_leaves_nothing(store: Store, disk: SmallDisk, left: int) -> None:
    vectors = np.random.default_rng(0).normal(size=(500, 128)).astype(np.float16)
    assert_refused(disk, left, lambda: store.shards.write(SpaceId("lite", 1), {"picture": vectors}, []))
    assert not [path for path in files(disk.path / "home" / "shards") if path.name != MARKER]
    disk.free()
    shard_id = store.shards.write(SpaceId("lite", 1), {"picture": vectors}, [])
    assert (store.shards.read(shard_id, SpaceId("lite", 1)).vectors["picture"] == vectors).all()


@pytest.mark.parametrize("left", [0, 8192, 16384])
def test_index_write_on_a_full_disk_raises_and_searches_continue(store: Store, disk: SmallDisk, left: int) -> None:
    rng = np.random.default_rng(1)
    publish(store, 1, rng)
    searcher = Searcher(store, SPACE, store.settings)
    searcher.follower.refresh()
    for seed in range(2, 8):
        publish(store, seed, rng, segments=60)
    before = files(disk.path / "home" / "index")
    assert_refused(disk, left, lambda: SpaceIndex(store, SPACE).apply_changes(1.0))
    query = random_query(rng)
    searcher.follower._ready.set()
    assert all(hit.score >= 0 for hit in searcher.search(query, 100, Filters(), 0.0)), "searches continue"
    assert before <= files(disk.path / "home" / "index")
    disk.free()
    searcher.follower.refresh()
    fast, slow = searcher.search(query, 100, Filters(), 0.0), search_brute_force(store, query, 100, Filters(), 0.0)
    assert [hit.score for hit in fast] == pytest.approx([hit.score for hit in slow])
    store.sweep(0.0)
    named = {path.parent.name for path in files(disk.path / "home" / "index") if path.parent.name.startswith("part-")}
    manifest = SpaceIndex(store, SPACE).load_manifest(store.catalog.get_head())
    assert manifest is not None
    assert named == {entry.name for entry in manifest.parts}


def test_catalog_write_on_a_full_disk_raises_and_reads_continue(store: Store, disk: SmallDisk) -> None:
    _, job = add(store, "kept")
    disk.fill()

    def write() -> None:
        for seed in range(1000):  # the catalog files have some free pages
            add(store, seed)
            written.append(seed)

    written: list[int] = []
    with pytest.raises(Unavailable, match=r"full|disk I/O"):
        write()
    assert store.catalog.get_job(job.id) == job, "reads continue"
    assert store.catalog.count_rows().items == 1 + len(written), "an item is added completely or not at all"
    disk.free()
    add(store, "after")
    assert store.catalog.count_rows().items == 2 + len(written)
