"""Start and garbage collection with a lost or foreign catalog: refused, and every file is kept."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from indexes import open_store
from indexes.integrity.garbage import ALWAYS_ALLOWED
from mm.settings import Settings
from tests.indexes.integrity.test_identity import files, put
from tests.indexes.library import publish
from workers.messaging.dispatch import Dispatcher
from workers.sweeper import Sweeper

ROOT = Path(__file__).parents[2]
ITEMS = 2 * ALWAYS_ALLOWED
TWO_DAYS = 2 * 24 * 3600.0


@pytest.fixture
def library(settings: Settings) -> Settings:
    """A library with files of two days ago."""
    rng = np.random.default_rng(0)
    with open_store(settings) as store:
        for number in range(ITEMS):
            publish(store, number, rng, sha256=put(store, f"photo {number}".encode()))
    then = time.time() - TWO_DAYS
    for path in settings.root.rglob("*"):
        os.utime(path, (then, then))
    return settings


def remove_catalog(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Settings with an empty catalog."""
    if not settings.database_url:
        (settings.root / "catalog.db").unlink()
        return settings
    return settings.model_copy(update={"database_url": request.getfixturevalue("postgres").new_schema()})


@pytest.mark.parametrize("module", ["workers", "api"])
def test_process_start_without_the_catalog_is_refused_and_keeps_every_file(
    library: Settings, module: str, request: pytest.FixtureRequest
) -> None:
    before = files(library)
    lost = remove_catalog(library, request)
    variables = {f"MM_{name.upper()}": str(value) for name, value in lost.model_dump(exclude_unset=True).items()}
    environment = {**os.environ, **variables, "MM_BROKER_URL": "redis://127.0.0.1:1/0", "MM_PORT": "0"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", module], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 1
    assert "mm doctor --rebuild" in done.stderr.splitlines()[-1]
    assert files(lost) == before


def test_garbage_collection_with_emptied_tables_keeps_every_file(library: Settings) -> None:
    """The rows are deleted, and the identity is not."""
    before = files(library)
    with open_store(library) as store:
        with store.database.begin_write() as connection:
            connection.exec_driver_sql("DELETE FROM items")
            connection.exec_driver_sql("DELETE FROM chunks")
        dispatcher = Dispatcher(library.model_copy(update={"broker_url": "redis://127.0.0.1:1/0"}))
        sweeper = Sweeper(store, dispatcher, library)
        sweeper.collect_garbage()
        dispatcher.close()
    assert files(library) == before
