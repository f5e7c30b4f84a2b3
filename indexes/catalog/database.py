"""The catalog's database: SQLite in WAL mode or PostgreSQL behind one pair of transactions, `read`
and `write`."""

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

from mm.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy import URL
    from sqlalchemy.pool import ConnectionPoolEntry

BUSY_SECONDS = 15.0
"""Longest wait for a lock of another writer, for a free connection, and for PostgreSQL to accept
one."""
CONNECTIONS = 32
"""Most at once from one process."""
REPAIR = "Restore it from a backup, or make a new one from the files by `mm doctor --rebuild`."
"""What to do with a catalog that is damaged."""
KEEPALIVE = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}
"""Options of PostgreSQL with which the kernel notices a dead server in half a minute, also for a
connection that only waits."""
WRITES = "mm_writes"
"""Execution option of transactions that write."""


class DamagedCatalog(Unavailable):
    """The catalog is there and is no catalog, or not a whole one."""


class Database:
    """Transactions over one engine. Safe to share between threads, not across a fork."""

    def __init__(self, url: str) -> None:
        """Opens nothing yet. Raises `InvalidInput` for a URL that is neither SQLite in a file nor
        PostgreSQL."""
        self.url = url
        self._engine = _create_engine(_parse(url))
        self._reading, self._writing = self._engine, self._engine.execution_options(**{WRITES: True})
        if self.dialect == "postgresql":  # as a read transaction of SQLite is: all of it sees one state
            self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ")

    @property
    def dialect(self) -> str:
        return self._engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that sees one state throughout. Raises `Unavailable` when the database does
        not answer."""
        with naming_errors(), Session(self._reading, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that is committed at the end of the block, or not at all. Raises
        `Unavailable`."""
        with naming_errors(), Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def begin_write(self) -> Iterator[Connection]:
        """The same without a session, for migrations."""
        with naming_errors(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def unpooled(self) -> Iterator[sqlite3.Connection | psycopg.Connection]:
        """A connection of the driver, for a caller that keeps it. It is closed at the end of the
        block. Raises `Unavailable`, also where the file of SQLite is gone: connecting would make an
        empty one.
        """
        if self.dialect == "sqlite" and not Path(str(self._engine.url.database)).exists():
            raise Unavailable(f"The catalog {self._engine.url.database} is gone.")
        with naming_errors(), self._engine.connect() as connection:
            connection.detach()
            yield cast("sqlite3.Connection | psycopg.Connection", connection.connection.dbapi_connection)

    def check_writable(self) -> None:
        """Raise `Unavailable` when the database can only be read; SQLite says so as late as at the
        first change."""
        path = sqlite_file(self.url)
        if path is not None:
            if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
                raise Unavailable(f"The catalog {path} is read-only: check its permissions and its mount.")
            return
        with self.read() as session:
            if session.execute(text("SHOW transaction_read_only")).scalar_one() == "on":
                raise Unavailable("The database of MM_DATABASE_URL is read-only: it is a standby, or its role may not write.")

    def close(self) -> None:
        self._engine.dispose()


@contextmanager
def naming_errors() -> Iterator[None]:
    """Turn what a database says when it does not answer into `Unavailable`, and values it cannot
    hold into `InvalidInput`."""
    try:
        yield
    except (sqlalchemy.exc.DataError, UnicodeEncodeError, OverflowError) as error:
        raise InvalidInput(f"A value cannot be stored: {_first_line(error)}.") from error
    except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError, sqlalchemy.exc.TimeoutError) as error:
        raise Unavailable(f"The catalog does not answer: {_first_line(error)}.") from error
    except UnicodeDecodeError as error:  # SQLite quotes a damaged file in its own error
        raise DamagedCatalog(f"The catalog cannot be read: it is damaged. {REPAIR}") from error
    except sqlalchemy.exc.DBAPIError as error:
        # SQLite says so when the file is damaged; the subclasses are about statements, and bugs of
        # ours.
        if type(error) is sqlalchemy.exc.DatabaseError:
            raise DamagedCatalog(f"The catalog cannot be read: {_first_line(error)}. {REPAIR}") from error
        if error.connection_invalidated:
            raise Unavailable(f"The catalog does not answer: {_first_line(error)}.") from error
        raise


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().split("\n")[0].rstrip(".")


def _parse(address: str) -> URL:
    try:
        url = make_url(address)
    except sqlalchemy.exc.ArgumentError as error:
        raise InvalidInput("MM_DATABASE_URL is no SQLAlchemy URL, as in postgresql://user@host/name.") from error
    backend = url.get_backend_name()
    if backend == "sqlite" and url.database and url.database != ":memory:":
        return url.set(drivername="sqlite")
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    raise InvalidInput(f"MM_DATABASE_URL is of {backend}; the catalog lives in a file of SQLite or in PostgreSQL.")


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
    # By itself it waits for a lock as long as it takes, and with it all who ask.
    connection.execute(f"SET lock_timeout = {round(BUSY_SECONDS * 1000)}")
    connection.commit()


def _set_up_sqlite(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says, not where the driver guesses
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and takes the write lock later fails at once when another wrote
    # in between.
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL, None for a server."""
    parsed = _parse(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None
