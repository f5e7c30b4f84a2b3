"""Recovery actions: check, adopt, rebuild, empty, collect."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from indexes import open_store
from indexes.catalog.records import ItemFilters
from indexes.recover.__main__ import ACTIONS, adopt, check, collect, empty, metadata, rebuild
from mm.errors import Conflict, MMError, WrongLibrary
from mm.schemas import Recovery
from mm.settings import Settings
from tests.api import media
from tests.indexes.integrity.test_garbage import age
from tests.indexes.integrity.test_identity import files, other_url, unmark
from tests.indexes.library import new_item, publish

__all__ = ["other_url"]

NAMES = {"walk.png": ("holiday", "sea"), "größe.wav": (), "talk.png": ("work",)}
DATA = dict(zip(NAMES, (media.image(1), media.audio(0.2), media.image(2)), strict=True))
UPLOADED = datetime(2026, 5, 17, 9, 30, 1, 234567, UTC)


def quiet(line: str) -> None:
    """Discard progress."""


def fill(settings: Settings) -> None:
    """Create a library of two images and an audio file, as uploads do."""
    with open_store(settings) as store:
        for name, data in DATA.items():
            with store.blobs.open_writer() as writer:
                writer.write(data)
                sha256, size = writer.commit()
            new = new_item("unused", sha256=sha256, size=size, name=name, tags=NAMES[name], created_at=UPLOADED)
            item, _, _ = store.catalog.add_item(new)
            store.descriptions.write(item)
        store.identity.record_revision()


def items(settings: Settings) -> dict[str, tuple[str, tuple[str, ...], datetime]]:
    """Name, tags and time of upload of each item, by SHA-256."""
    with open_store(settings) as store:
        rows = store.catalog.find_items_by_blob([hashlib.sha256(data).hexdigest() for data in DATA.values()])
    return {row.sha256: (row.name, row.tags, row.created_at) for row in rows}


EXPECTED = {hashlib.sha256(DATA[name]).hexdigest(): (name, tags, UPLOADED) for name, tags in NAMES.items()}


def test_metadata_of_items_of_an_earlier_version_is_read_from_their_files(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    fill(settings)
    report: list[str] = []
    assert metadata(settings, report.append) == Recovery(action="metadata", items=len(DATA))
    assert metadata(settings, report.append).items == 0
    with open_store(settings) as store:
        assert store.catalog.list_items_without_capture("", 10) == []


def test_metadata_of_a_missing_file_is_reported(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    fill(settings)
    lost = hashlib.sha256(DATA["talk.png"]).hexdigest()
    (tmp_path / "blobs" / lost[:2] / lost).unlink()
    result = metadata(settings, quiet)
    assert (result.items, list(result.refused)) == (len(DATA) - 1, [lost])


def lose_catalog(settings: Settings, other_url: str) -> Settings:
    if settings.database_url:
        return settings.model_copy(update={"database_url": other_url})
    (settings.root / "catalog.db").unlink()
    return settings


def test_rebuild_without_catalog_restores_items_and_creates_jobs(settings: Settings, other_url: str) -> None:
    fill(settings)
    before = files(settings)
    lost = lose_catalog(settings, other_url)
    with pytest.raises(WrongLibrary):
        open_store(lost)
    result = rebuild(lost, quiet)
    assert isinstance(result, Recovery)
    assert (result.items, result.skipped, result.refused, result.lost) == (3, 0, {}, 0)
    assert items(lost) == EXPECTED
    with open_store(lost) as store:
        assert store.catalog.count_rows().jobs["queued"] == 3
        assert {row.kind for row in store.catalog.find_items_by_blob(list(EXPECTED))} == {"image", "audio"}
    assert {name for name in files(settings) if name not in before} == set()
    assert rebuild(lost, quiet).items == 0, "a second run adds nothing"


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), id="truncated"),
        pytest.param(lambda path: path.write_bytes(b"\xa5" * path.stat().st_size), id="garbled"),
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
    ],
)
def test_rebuild_of_damaged_catalog_renames_it_and_creates_new_one(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    settings = Settings(home=tmp_path / "home")
    fill(settings)
    catalog = settings.root / "catalog.db"
    harm(catalog)
    damaged = catalog.read_bytes()
    result = rebuild(settings, quiet)
    assert result.items == 3
    assert result.aside is not None
    assert Path(result.aside).read_bytes() == damaged
    assert items(settings) == EXPECTED


def test_rebuild_with_older_catalog_adds_missing_items(settings: Settings) -> None:
    fill(settings)
    with open_store(settings) as store, store.database.begin_write() as connection:
        connection.execute(text("DELETE FROM items WHERE name = 'walk.png'"))
        connection.execute(text("UPDATE library SET revision = revision - 1"))
    with pytest.raises(WrongLibrary, match="older"):
        open_store(settings)
    assert rebuild(settings, quiet).items == 1
    assert items(settings) == EXPECTED


def test_rebuild_with_catalog_of_other_library_keeps_that_catalog(settings: Settings, other_url: str, tmp_path: Path) -> None:
    fill(settings)
    other = Settings(home=tmp_path / "other", database_url=other_url)
    fill(other)
    wrong = settings.model_copy(update={"database_url": other_url})
    if settings.database_url:
        with pytest.raises(Conflict, match="another library"):
            rebuild(wrong, quiet)
    else:
        result = rebuild(wrong, quiet)
        assert result.items == 3
        shutil.move(str(result.aside), other_url.removeprefix("sqlite:///"))
    assert items(other) == EXPECTED


def test_rebuild_of_undescribed_files_names_items_by_hash(settings: Settings, other_url: str) -> None:
    fill(settings)
    unmark(settings)
    lost = lose_catalog(settings, other_url)
    assert rebuild(lost, quiet).items == 3
    names = {sha256: name for sha256, (name, _, _) in items(lost).items()}
    assert set(names) == set(EXPECTED)
    assert all(names[sha256].startswith(sha256[:12]) for sha256 in names)
    assert {Path(name).suffix for name in names.values()} == {".png", ".wav"}


def test_rebuild_reports_damaged_files_and_skips_undescribed_ones(settings: Settings, other_url: str) -> None:
    fill(settings)
    with open_store(settings) as store, store.blobs.open_writer() as writer:
        writer.write(media.image(3))
        writer.commit()
    damaged = hashlib.sha256(DATA["walk.png"]).hexdigest()
    path = settings.root / "blobs" / damaged[:2] / damaged
    path.write_bytes(b"not what was sent")
    lost = lose_catalog(settings, other_url)
    result = rebuild(lost, quiet)
    assert (result.items, result.skipped) == (2, 1)
    assert "checksum" in result.refused[damaged]
    assert path.exists()


def test_adopt_of_older_catalog_keeps_unreferenced_files(settings: Settings) -> None:
    fill(settings)
    with open_store(settings) as store, store.database.begin_write() as connection:
        connection.execute(text("DELETE FROM items WHERE name = 'walk.png'"))
        connection.execute(text("UPDATE library SET revision = 0"))
    before = {name for name in files(settings) if not name.endswith("library.json")}
    adopt(settings, quiet)
    with open_store(settings) as store:
        store.sweep(0.0)
    assert before <= files(settings).keys()
    assert len(items(settings)) == 2


def test_adopt_returns_number_of_missing_files(settings: Settings) -> None:
    fill(settings)
    shutil.rmtree(settings.root / "blobs")
    result = adopt(settings, quiet)
    assert isinstance(result, Recovery)
    assert result.lost == 3
    with open_store(settings):
        pass


def test_adopt_without_catalog_is_refused(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    fill(settings)
    (settings.root / "catalog.db").unlink()
    with pytest.raises(WrongLibrary, match="no catalog"):
        adopt(settings, quiet)
    assert not (settings.root / "catalog.db").exists()


def test_empty_moves_shards_to_trash(settings: Settings) -> None:
    with open_store(settings) as store:
        publish(store, 1, np.random.default_rng(0))
        store.catalog.delete_item(store.catalog.list_items(ItemFilters(), 1)[0][0].id)
    (shard,) = settings.root.glob("shards/??/*")
    empty(settings, quiet)
    assert [path.name for path in (settings.root / "shards" / "trash").rglob("*") if path.is_file()] == [shard.name]


def test_empty_moves_all_files_to_trash_and_creates_empty_library(settings: Settings, other_url: str) -> None:
    fill(settings)
    expected = {Path(name).name for name in files(settings) if not name.endswith("library.json")}
    lost = lose_catalog(settings, other_url)
    result = empty(lost, quiet)
    assert isinstance(result, Recovery)
    assert result.trashed == 3
    assert items(lost) == {}
    trashed = {path.name for path in (settings.root / "blobs" / "trash").rglob("*") if path.is_file()}
    assert trashed == expected


def test_empty_with_postgresql_that_has_items_is_refused(settings: Settings) -> None:
    fill(settings)
    before = files(settings)
    if settings.database_url:
        with pytest.raises(Conflict, match="holds items"):
            empty(settings, quiet)
        assert files(settings) == before
    else:
        result = empty(settings, quiet)
        assert isinstance(result, Recovery)
        assert Path(str(result.aside)).exists()


def test_collect_moves_files_of_lost_items_to_trash(settings: Settings) -> None:
    fill(settings)
    with open_store(settings) as store, store.database.begin_write() as connection:
        connection.execute(text("DELETE FROM items WHERE name = 'walk.png'"))
    age(*settings.root.glob("blobs/??/*"))
    result = collect(settings, quiet)
    assert isinstance(result, Recovery)
    assert result.trashed == 1
    sha256 = hashlib.sha256(DATA["walk.png"]).hexdigest()
    trashed = {path.name for path in (settings.root / "blobs" / "trash").rglob("*") if path.is_file()}
    assert trashed == {sha256, f"{sha256}.json"}


def test_check_reports_mismatch_and_creates_nothing(settings: Settings, other_url: str) -> None:
    assert check(settings, quiet).ok
    assert not settings.root.exists()
    fill(settings)
    assert check(settings, quiet).ok
    lost = lose_catalog(settings, other_url)
    result = check(lost, quiet)
    assert not result.ok
    assert "--rebuild" in result.detail
    assert not (settings.root / "catalog.db").exists() or settings.database_url


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_action_with_unreachable_server_raises_and_moves_nothing(tmp_path: Path, action: str) -> None:
    fill(Settings(home=tmp_path / "home"))
    settings = Settings(home=tmp_path / "home", database_url=f"postgresql://nobody@/none?host={tmp_path}")
    before = files(settings)
    if action == "check":
        assert not check(settings, quiet).ok
    else:
        with pytest.raises(MMError, match="does not respond"):
            ACTIONS[action](settings, quiet)
    assert files(settings) == before
