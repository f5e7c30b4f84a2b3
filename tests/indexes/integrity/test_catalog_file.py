"""`CatalogFileGuard`: growth is accepted; truncation, removal and replacement are detected."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from indexes.integrity.catalog_file import CatalogFileGuard
from mm.errors import WrongLibrary


@pytest.fixture
def watched(tmp_path: Path) -> tuple[Path, CatalogFileGuard]:
    path = tmp_path / "catalog.db"
    path.write_bytes(b"x" * 8192)
    watch = CatalogFileGuard(path)
    watch.start()
    watch.check()
    return path, watch


def test_check_accepts_file_that_grows(watched: tuple[Path, CatalogFileGuard]) -> None:
    path, watch = watched
    path.write_bytes(b"x" * 12288)
    watch.check()


def test_check_detects_truncated_file(watched: tuple[Path, CatalogFileGuard]) -> None:
    path, watch = watched
    path.write_bytes(b"x" * 12288)
    watch.check()
    os.truncate(path, 8192)
    for _ in range(2):
        with pytest.raises(WrongLibrary, match=r"truncated.*--rebuild"):
            watch.check()


def test_check_detects_removed_or_replaced_file(watched: tuple[Path, CatalogFileGuard]) -> None:
    path, watch = watched
    path.with_name("new").write_bytes(path.read_bytes())
    path.with_name("new").replace(path)
    with pytest.raises(WrongLibrary, match="replaced"):
        watch.check()
    path.unlink()
    with pytest.raises(WrongLibrary, match="removed"):
        watch.check()


def test_check_without_file_accepts() -> None:
    watch = CatalogFileGuard(None)
    watch.start()
    watch.check()
