"""Fixtures of libraries: tests that use `settings` or `store` run on SQLite and on PostgreSQL."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog

from indexes import Store, open_store
from mm.settings import Settings
from tests.indexes.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

BACKENDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.xdist_group("postgresql"))]


class Clock:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server, started on first use."""
    with tempfile.TemporaryDirectory(prefix="pg") as folder, Postgres(Path(folder)) as server:
        yield server


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of an empty database; the empty text for SQLite in the home folder."""
    if request.param == "sqlite":
        return ""
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_schema()


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(home=tmp_path / "home", database_url=database_url)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(settings: Settings, clock: Clock) -> Iterator[Store]:
    with open_store(settings, clock) as opened:
        yield opened


@pytest.fixture
def sqlite_store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    """A library on SQLite, for tests that do not depend on the database."""
    with open_store(Settings(home=tmp_path / "home"), clock) as opened:
        yield opened


@pytest.fixture
def log() -> Iterator[list[MutableMapping[str, object]]]:
    """Log lines of the test."""
    with structlog.testing.capture_logs() as lines:
        yield lines
