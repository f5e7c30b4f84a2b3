"""A catalog and a folder that do not belong together are refused, and neither is changed."""

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

OPTIONS = r"--adopt.*--rebuild.*--empty"


@pytest.fixture
def other_url(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> str:
    """URL of another empty database of the same kind."""
    if not settings.database_url:
        return f"sqlite:///{tmp_path / 'other.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_schema()


def put(store: Store, data: bytes) -> str:
    """Add an item with its bytes, as an upload does. Returns its SHA-256."""
    with store.blobs.open_writer() as writer:
        writer.write(data)
        sha256, size = writer.commit()
    item, _, _ = store.catalog.add_item(new_item("unused", sha256=sha256, size=size))
    store.descriptions.write(item)
    return sha256


def fill(settings: Settings) -> None:
    """Create a library of three items, one of them searchable."""
    with open_store(settings) as store:
        for data in (b"one", b"two", b"three"):
            put(store, data)
        publish(store, "one", np.random.default_rng(0), sha256=hashlib.sha256(b"one").hexdigest())
        store.identity.record_revision()


def files(settings: Settings) -> dict[str, bytes]:
    """Read all blobs, shards, descriptions and markers, by path."""
    root = settings.root
    return {
        str(path.relative_to(root)): path.read_bytes()
        for name in ("blobs", "shards")
        for path in sorted((root / name).rglob("*"))
        if path.is_file()
    }


def check_open_is_refused(settings: Settings, match: str) -> None:
    """Check that opening is refused and changes no file."""
    before = files(settings)
    catalog = settings.root / "catalog.db"
    existed = catalog.exists()
    with pytest.raises(WrongLibrary, match=match):
        open_store(settings)
    assert files(settings) == before
    assert catalog.exists() == existed


def test_open_new_library_writes_markers_with_catalog_identity(store: Store) -> None:
    root = store.settings.root
    markers = [json.loads((folder / MARKER).read_bytes()) for folder in (root, *(root / name for name in FOLDERS))]
    assert {marker["identity"] for marker in markers} == {store.catalog.get_identity()}


def test_open_without_catalog_is_refused(settings: Settings, other_url: str) -> None:
    fill(settings)
    check_open_is_refused(settings.model_copy(update={"database_url": other_url}), f"missing or empty.*{OPTIONS}")
    if not settings.database_url:
        (settings.root / "catalog.db").unlink()
        check_open_is_refused(settings, f"missing or empty.*{OPTIONS}")
    assert not Path(other_url.removeprefix("sqlite:///")).exists()


def test_open_with_catalog_of_other_library_is_refused(settings: Settings, other_url: str, tmp_path: Path) -> None:
    fill(settings)
    other = Settings(home=tmp_path / "other", database_url=other_url)
    fill(other)
    check_open_is_refused(settings.model_copy(update={"database_url": other_url}), f"different libraries.*{OPTIONS}")
    with open_store(settings) as store:
        assert store.catalog.count_rows().items == 3


def test_open_with_older_catalog_is_refused(settings: Settings) -> None:
    fill(settings)
    with open_store(settings) as store, store.database.begin_write() as connection:
        connection.execute(text("UPDATE library SET revision = revision - 1"))
    check_open_is_refused(settings, f"older.*{OPTIONS}")


def test_revision_increases_with_upload_and_delete(settings: Settings) -> None:
    with open_store(settings) as store:
        revisions = [store.identity.check()]
        item = publish(store, 1, np.random.default_rng(0))
        revisions.append(store.identity.check())
        store.catalog.delete_item(item.id)
        revisions.append(store.identity.check())
    numbers = [state.revision for state in revisions if state is not None]
    assert len(numbers) == 3
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize(
    "harm", [shutil.rmtree, lambda path: (shutil.rmtree(path), path.mkdir())], ids=["missing", "not mounted"]
)
def test_open_without_folder_of_files_is_refused(settings: Settings, name: str, harm: Callable[[Path], object]) -> None:
    fill(settings)
    harm(settings.root / name)
    check_open_is_refused(settings, f"{name}.*not mounted.*{OPTIONS}")
    assert not (settings.root / name / MARKER).exists()


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\x00", b"[" * 5000])
def test_open_with_damaged_marker_is_refused(settings: Settings, content: bytes) -> None:
    fill(settings)
    (settings.root / MARKER).write_bytes(content)
    check_open_is_refused(settings, f"damaged.*{OPTIONS}")


def test_open_with_marker_of_newer_version_is_refused(settings: Settings) -> None:
    fill(settings)
    marker = json.loads((settings.root / MARKER).read_bytes())
    (settings.root / MARKER).write_text(json.dumps({**marker, "format": 2}))
    check_open_is_refused(settings, "newer version")


def unmark(settings: Settings) -> None:
    """Remove the markers and descriptions, which earlier versions did not write."""
    for path in settings.root.rglob(MARKER):
        path.unlink()
    for path in settings.root.glob("blobs/??/*.json"):
        path.unlink()


def test_open_unmarked_library_with_all_files_writes_markers(settings: Settings) -> None:
    fill(settings)
    unmark(settings)
    with open_store(settings) as store:
        assert not store.identity.has_all_descriptions()
        store.sweep(0.0)
        assert store.identity.has_all_descriptions()
        assert len(list(settings.root.glob("blobs/??/*.json"))) == 3
    assert len(list(settings.root.rglob(MARKER))) == 3


def test_open_unmarked_library_with_missing_file_is_refused(settings: Settings) -> None:
    fill(settings)
    unmark(settings)
    next(settings.root.glob("blobs/??/*")).unlink()
    check_open_is_refused(settings, f"1 items of the catalog are not.*{OPTIONS}")


def test_open_unmarked_files_with_empty_catalog_is_refused(settings: Settings, other_url: str, tmp_path: Path) -> None:
    fill(settings)
    unmark(settings)
    with open_store(Settings(home=tmp_path / "empty", database_url=other_url)):
        pass
    check_open_is_refused(settings.model_copy(update={"database_url": other_url}), f"no items.*{OPTIONS}")


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 0.99])
def test_open_with_truncated_catalog_is_refused(tmp_path: Path, fraction: float) -> None:
    settings = Settings(home=tmp_path / "home")
    fill(settings)
    catalog = settings.root / "catalog.db"
    data = catalog.read_bytes()
    catalog.write_bytes(data[: int(len(data) * fraction)])
    before = files(settings)
    with pytest.raises(Unavailable, match="--rebuild"):
        open_store(settings)
    assert files(settings) == before


@pytest.mark.parametrize("seed", range(6))
def test_open_with_overwritten_catalog_is_refused(tmp_path: Path, seed: int) -> None:
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


@given(catalog=CATALOGS, home=MARKERS, blobs=MARKERS, shards=MARKERS, has_files=st.booleans(), num_missing=st.integers(0, 1))
def test_check_belongs_together_accepts_only_consistent_states(
    catalog: CatalogState | None,
    home: Marker | None,
    blobs: Marker | None,
    shards: Marker | None,
    has_files: bool,
    num_missing: int,
) -> None:
    """No marker of an accepted library contradicts the catalog, and its files have rows."""
    marked = [marker for marker in (home, blobs, shards) if marker is not None]
    try:
        check_belongs_together(
            catalog, FolderState(home, {"blobs": blobs, "shards": shards}), lambda: has_files, lambda: num_missing
        )
    except WrongLibrary:
        return
    if catalog is None:
        assert not marked
        assert not has_files
        return
    assert {marker.identity for marker in marked} <= {catalog.identity}
    if home is not None:
        assert home.revision <= catalog.revision
        assert None not in (blobs, shards)
    if not marked:
        assert not (has_files and not catalog.has_items)
        assert not (num_missing and catalog.has_items)


def test_open_with_read_only_database_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
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
