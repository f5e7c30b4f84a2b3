"""A catalog and a folder that do not belong together are refused, and nothing in either is
touched."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from indexes import Store, open_store
from indexes.integrity.identity import check_belongs_together
from indexes.integrity.state import CatalogState, FolderState
from indexes.storage.markers import FOLDERS, MARKER, Marker
from mm.errors import Unavailable, WrongLibrary
from mm.settings import Settings
from tests.indexes.library import new_item, publish
from tests.indexes.postgres import Postgres

WAYS = r"--adopt.*--rebuild.*--empty"


@pytest.fixture
def other_url(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> str:
    """URL of an empty database beside that of `settings`, of the same kind."""
    if not settings.database_url:
        return f"sqlite:///{tmp_path / 'other.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_schema()


def put(store: Store, data: bytes) -> str:
    """An item with its bytes, as an upload leaves it. Returns its SHA-256."""
    with store.blobs.open_writer() as writer:
        writer.write(data)
        sha256, size = writer.commit()
    item, _, _ = store.catalog.add_item(new_item("unused", sha256=sha256, size=size))
    store.descriptions.write(item)
    return sha256


def fill(settings: Settings) -> None:
    """A library of three items, one of them searchable."""
    with open_store(settings) as store:
        for data in (b"one", b"two", b"three"):
            put(store, data)
        publish(store, "one", np.random.default_rng(0), sha256=hashlib.sha256(b"one").hexdigest())
        store.identity.record_revision()


def files(settings: Settings) -> dict[str, bytes]:
    """Every blob, shard, description and marker."""
    root = settings.root
    return {
        str(path.relative_to(root)): path.read_bytes()
        for name in ("blobs", "shards")
        for path in sorted((root / name).rglob("*"))
        if path.is_file()
    }


def refused(settings: Settings, match: str) -> None:
    """Opening is refused, and neither files nor a catalog come or go."""
    before = files(settings)
    catalog = settings.root / "catalog.db"
    there = catalog.exists()
    with pytest.raises(WrongLibrary, match=match):
        open_store(settings)
    assert files(settings) == before
    assert catalog.exists() == there


def test_opening_a_new_library_marks_each_folder_with_the_identity_of_the_catalog(store: Store) -> None:
    root = store.settings.root
    markers = [json.loads((folder / MARKER).read_bytes()) for folder in (root, *(root / name for name in FOLDERS))]
    assert {marker["identity"] for marker in markers} == {store.catalog.identity()}


def test_opening_without_the_catalog_is_refused_and_makes_none(settings: Settings, other_url: str) -> None:
    fill(settings)
    refused(settings.model_copy(update={"database_url": other_url}), f"missing or empty.*{WAYS}")
    if not settings.database_url:
        (settings.root / "catalog.db").unlink()
        refused(settings, f"missing or empty.*{WAYS}")
    assert not Path(other_url.removeprefix("sqlite:///")).exists()


def test_opening_with_the_catalog_of_another_library_is_refused(settings: Settings, other_url: str, tmp_path: Path) -> None:
    fill(settings)
    other = Settings(home=tmp_path / "other", database_url=other_url)
    fill(other)
    refused(settings.model_copy(update={"database_url": other_url}), f"different libraries.*{WAYS}")
    with open_store(settings) as store:
        assert store.catalog.counts().items == 3


def test_opening_with_an_older_catalog_is_refused(settings: Settings) -> None:
    fill(settings)
    with open_store(settings) as store, store.database.begin_write() as connection:
        connection.execute(text("UPDATE library SET revision = revision - 1"))
    refused(settings, f"older.*{WAYS}")


def test_an_older_copy_of_a_catalog_has_a_lower_revision_after_an_upload_and_after_a_delete(settings: Settings) -> None:
    with open_store(settings) as store:
        revisions = [store.identity.check()]
        item = publish(store, 1, np.random.default_rng(0))
        revisions.append(store.identity.check())
        store.catalog.delete_item(item.id)
        revisions.append(store.identity.check())
    seen = [state.revision for state in revisions if state is not None]
    assert len(seen) == 3
    assert seen == sorted(set(seen))


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize(
    "harm", [shutil.rmtree, lambda path: (shutil.rmtree(path), path.mkdir())], ids=["missing", "not mounted"]
)
def test_opening_without_a_folder_of_files_is_refused(settings: Settings, name: str, harm: Callable[[Path], object]) -> None:
    fill(settings)
    harm(settings.root / name)
    refused(settings, f"{name}.*not mounted.*{WAYS}")
    assert not (settings.root / name / MARKER).exists()


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\x00", b"[" * 5000])
def test_a_marker_that_cannot_be_read_is_refused(settings: Settings, content: bytes) -> None:
    fill(settings)
    (settings.root / MARKER).write_bytes(content)
    refused(settings, f"damaged.*{WAYS}")


def test_a_marker_of_a_newer_version_is_refused(settings: Settings) -> None:
    fill(settings)
    marker = json.loads((settings.root / MARKER).read_bytes())
    (settings.root / MARKER).write_text(json.dumps({**marker, "format": 2}))
    refused(settings, "newer version")


def unmark(settings: Settings) -> None:
    """Make a library one of an earlier version."""
    for path in settings.root.rglob(MARKER):
        path.unlink()
    for path in settings.root.glob("blobs/??/*.json"):
        path.unlink()


def test_a_library_of_an_earlier_version_is_marked_when_all_its_files_are_there(settings: Settings) -> None:
    fill(settings)
    unmark(settings)
    with open_store(settings) as store:
        assert not store.identity.has_all_descriptions()
        store.sweep(0.0)
        assert store.identity.has_all_descriptions()
        assert len(list(settings.root.glob("blobs/??/*.json"))) == 3
    assert len(list(settings.root.rglob(MARKER))) == 3


def test_a_library_of_an_earlier_version_is_refused_when_a_file_is_missing(settings: Settings) -> None:
    fill(settings)
    unmark(settings)
    next(settings.root.glob("blobs/??/*")).unlink()
    refused(settings, f"1 items of the catalog are not.*{WAYS}")


def test_files_of_an_earlier_version_with_an_empty_catalog_are_refused(
    settings: Settings, other_url: str, tmp_path: Path
) -> None:
    fill(settings)
    unmark(settings)
    with open_store(Settings(home=tmp_path / "empty", database_url=other_url)):
        pass
    refused(settings.model_copy(update={"database_url": other_url}), f"no items.*{WAYS}")


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_catalog_is_refused(tmp_path: Path, part: float) -> None:
    settings = Settings(home=tmp_path / "home")
    fill(settings)
    catalog = settings.root / "catalog.db"
    data = catalog.read_bytes()
    catalog.write_bytes(data[: int(len(data) * part)])
    before = files(settings)
    with pytest.raises(Unavailable, match="--rebuild"):
        open_store(settings)
    assert files(settings) == before


@pytest.mark.parametrize("seed", range(6))
def test_a_garbled_catalog_is_refused(tmp_path: Path, seed: int) -> None:
    settings = Settings(home=tmp_path / "home")
    fill(settings)
    catalog = settings.root / "catalog.db"
    data = bytearray(catalog.read_bytes())
    rng = np.random.default_rng(seed)
    at = int(rng.integers(0, len(data) - 8192))
    data[at : at + 8192] = rng.bytes(8192)
    catalog.write_bytes(data)
    before = files(settings)
    with pytest.raises(Unavailable, match="--rebuild"):
        open_store(settings)
    assert files(settings) == before


IDENTITIES = st.sampled_from(["a", "b"])
MARKERS = st.none() | st.builds(Marker, identity=IDENTITIES, revision=st.integers(0, 2))
CATALOGS = st.none() | st.builds(CatalogState, identity=IDENTITIES, revision=st.integers(0, 2), has_items=st.booleans())


@given(catalog=CATALOGS, home=MARKERS, blobs=MARKERS, shards=MARKERS, holds=st.booleans(), lost=st.integers(0, 1))
def test_what_is_accepted_belongs_together(
    catalog: CatalogState | None, home: Marker | None, blobs: Marker | None, shards: Marker | None, holds: bool, lost: int
) -> None:
    """Nothing is accepted in which a marker contradicts the catalog, or in which files meet a
    catalog that cannot know them."""
    marked = [marker for marker in (home, blobs, shards) if marker is not None]
    try:
        check_belongs_together(catalog, FolderState(home, {"blobs": blobs, "shards": shards}), lambda: holds, lambda: lost)
    except WrongLibrary:
        return
    if catalog is None:
        assert not marked
        assert not holds
        return
    assert {marker.identity for marker in marked} <= {catalog.identity}
    if home is not None:
        assert home.revision <= catalog.revision
        assert None not in (blobs, shards)
    if not marked:
        assert not (holds and not catalog.has_items)
        assert not (lost and catalog.has_items)


def test_a_database_that_can_only_be_read_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(settings)
    before = files(settings)
    if settings.database_url:
        read_only = settings.model_copy(update={"database_url": f"{settings.database_url} -cdefault_transaction_read_only=on"})
    else:
        read_only = settings
        access = os.access
        monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "catalog.db" and access(path, mode))
    with pytest.raises(Unavailable, match="read-only"):
        open_store(read_only)
    assert files(settings) == before
