"""The database of the catalog: read and write transactions on SQLite (WAL mode) or PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import sqlalchemy.exc
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.orm import Session

from indexes.catalog.tables.visibility import LibrarySession
from mm.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy import URL
    from sqlalchemy.pool import ConnectionPoolEntry

BUSY_SECONDS = 15.0
"""Longest wait for the lock of another writer, for a free connection of the pool, and for a new
connection to PostgreSQL."""
CONNECTIONS = 32
"""Maximum number of connections of one process."""
REPAIR = "Restore it from a backup, or run `mm doctor --rebuild` to create a new one from the files."
"""What to do with a damaged catalog; part of error messages."""
KEEPALIVE = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}
"""Options of libpq with which the kernel detects a dead server within 30 s, on idle connections
too."""
WRITES = "mm_writes"
"""Execution option of write transactions."""


class DamagedCatalog(Unavailable):
    """The catalog exists and is damaged."""


class Database:
    """Transactions over one engine. Safe to share between threads, not across a fork."""

    def __init__(self, url: str) -> None:
        """Create the engine; connections are opened on use.

        Raises `InvalidInput` unless the URL is of a SQLite file or of PostgreSQL.
        """
        self.url = url
        self._engine = _create_engine(_parse(url))
        self._reading, self._writing = self._engine, self._engine.execution_options(**{WRITES: True})
        if self.dialect == "postgresql":  # one snapshot per transaction, as with SQLite
            self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ")

    @property
    def dialect(self) -> str:
        return self._engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Run a read transaction on one snapshot.

        Raises `Unavailable` when the database does not respond.
        """
        with translate_errors(), LibrarySession(self._reading, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Run a transaction that is committed at the end of the block, or rolled back on an error.

        Raises `Unavailable` when the database does not respond.
        """
        with translate_errors(), LibrarySession(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def begin_write(self) -> Iterator[Connection]:
        """Run a write transaction without a session, for migrations."""
        with translate_errors(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def unpooled(self) -> Iterator[sqlite3.Connection | psycopg.Connection]:
        """Open a driver connection outside the pool; it is closed at the end of the block.

        Raises `Unavailable`, also when the SQLite file is missing, which connecting would create.
        """
        if self.dialect == "sqlite" and not Path(str(self._engine.url.database)).exists():
            raise Unavailable(f"The catalog {self._engine.url.database} was removed. {REPAIR}")
        with translate_errors(), self._engine.connect() as connection:
            connection.detach()
            yield cast("sqlite3.Connection | psycopg.Connection", connection.connection.dbapi_connection)

    def check_writable(self) -> None:
        """Raise `Unavailable` when the database is read-only.

        SQLite itself reports this only at the first change.
        """
        path = sqlite_file(self.url)
        if path is not None:
            if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
                raise Unavailable(f"The catalog {path} is read-only: check its permissions and its mount.")
            return
        with self.read() as session:
            if session.execute(text("SHOW transaction_read_only")).scalar_one() == "on":
                raise Unavailable(
                    "The database of MM_DATABASE_URL is read-only: connect to the primary server, with a role that may write."
                )

    def close(self) -> None:
        """Close all connections of the pool."""
        self._engine.dispose()


@contextmanager
def translate_errors() -> Iterator[None]:
    """Translate database errors.

    | error | raised as |
    | --- | --- |
    | a value that the database cannot store | `InvalidInput` |
    | no connection, a lock timeout | `Unavailable` |
    | a damaged SQLite file | `DamagedCatalog` |
    """
    try:
        yield
    except (sqlalchemy.exc.DataError, UnicodeEncodeError, OverflowError) as error:
        raise InvalidInput(f"A value cannot be stored: {_first_line(error)}.") from error
    except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError, sqlalchemy.exc.TimeoutError) as error:
        raise Unavailable(f"The catalog does not respond: {_first_line(error)}.") from error
    except UnicodeDecodeError as error:  # the message of SQLite quotes bytes of the damaged file
        raise DamagedCatalog(f"The catalog cannot be read: it is damaged. {REPAIR}") from error
    except sqlalchemy.exc.DBAPIError as error:
        # SQLite raises the base class for a damaged file; subclasses are errors of a statement.
        if type(error) is sqlalchemy.exc.DatabaseError:
            raise DamagedCatalog(f"The catalog cannot be read: {_first_line(error)}. {REPAIR}") from error
        if error.connection_invalidated:
            raise Unavailable(f"The catalog does not respond: {_first_line(error)}.") from error
        raise


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().split("\n")[0].rstrip(".")


def _parse(address: str) -> URL:
    try:
        url = make_url(address)
    except sqlalchemy.exc.ArgumentError as error:
        raise InvalidInput("MM_DATABASE_URL is not a database URL. Use the form postgresql://user@host/name.") from error
    backend = url.get_backend_name()
    if backend == "sqlite" and url.database and url.database != ":memory:":
        return url.set(drivername="sqlite")
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    raise InvalidInput(f"MM_DATABASE_URL names {backend}; supported are a SQLite file and PostgreSQL.")


def _create_engine(url: URL) -> Engine:
    pool = {"pool_size": CONNECTIONS // 4, "max_overflow": CONNECTIONS - CONNECTIONS // 4, "pool_timeout": BUSY_SECONDS}
    if url.get_backend_name() == "postgresql":
        connect = {"connect_timeout": int(BUSY_SECONDS), **KEEPALIVE}
        engine = create_engine(url, connect_args=connect, pool_pre_ping=True, pool_recycle=3600, **pool)
        event.listen(engine, "connect", _set_up_postgresql)
        return engine
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, **pool)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_postgresql(connection: psycopg.Connection, record: ConnectionPoolEntry) -> None:
    # The default is no timeout, so one waiting transaction could block all others.
    connection.execute(f"SET lock_timeout = {round(BUSY_SECONDS * 1000)}")
    connection.commit()


def _set_up_sqlite(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin_sqlite`, not by the driver
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction fails when it upgrades to the write lock after another one wrote.
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite URL, None for PostgreSQL."""
    parsed = _parse(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None
