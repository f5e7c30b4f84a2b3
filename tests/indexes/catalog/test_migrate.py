"""Migrations of the catalog: a library whose migrations have all run is opened without Alembic."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from alembic.script import ScriptDirectory

from indexes import open_store
from indexes.catalog.database import Database
from indexes.catalog.migrate import FOLDER, find_last_revision, is_migrated

if TYPE_CHECKING:
    from mm.settings import Settings


def test_last_revision_is_that_of_alembic() -> None:
    assert find_last_revision() == ScriptDirectory(str(FOLDER)).get_current_head()


def test_migrated_library_is_opened_without_alembic(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.root.mkdir()
    database = Database(settings.catalog_url)
    assert not is_migrated(database)
    with open_store(settings):
        assert is_migrated(database)
    monkeypatch.setitem(sys.modules, "alembic", None)
    with open_store(settings) as store:
        assert store.catalog.get_library_space() is None
    database.close()
