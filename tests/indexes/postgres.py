"""A PostgreSQL server for tests, from a wheel, on a socket in its folder."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Self

import psycopg
import pytest
from sqlalchemy import make_url


class Postgres:
    """A server that runs inside a `with` block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        runtime = self._folder / "runtime"
        runtime.mkdir(mode=0o700)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_RUNTIME_DIR", str(runtime))
            import pgserver
        self._server = pgserver.get_server(self._folder / "data", cleanup_mode="delete")
        self._run("ALTER SYSTEM SET fsync = off")  # the data is discarded, and the server stops faster
        self._run("SELECT pg_reload_conf()")
        return self

    def __exit__(self, *error: object) -> None:
        self._server.cleanup()

    def new_database(self) -> str:
        """URL of a new and empty database."""
        name = f"t{secrets.token_hex(6)}"
        self._run(f"CREATE DATABASE {name}")
        return str(make_url(self._server.get_uri()).set(database=name).render_as_string(hide_password=False))

    def new_schema(self) -> str:
        """URL of a new and empty schema, which is created faster than a database."""
        name = f"t{secrets.token_hex(6)}"
        self._run(f"CREATE SCHEMA {name}")
        url = make_url(self._server.get_uri()).update_query_dict({"options": f"-csearch_path={name}"})
        return str(url.render_as_string(hide_password=False))

    def block_connections(self, url: str) -> None:
        """Close all connections to a database and refuse new ones, as a stopped server does."""
        name = make_url(url).database
        self._run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        self._run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    def allow_connections(self, url: str) -> None:
        """Allow new connections again after `block_connections`."""
        self._run(f"ALTER DATABASE {make_url(url).database} ALLOW_CONNECTIONS true")

    def _run(self, statement: str) -> None:
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(statement.encode())
