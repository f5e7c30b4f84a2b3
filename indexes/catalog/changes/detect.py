"""Detection of commits of any process: a counter of SQLite, or notifications of PostgreSQL.

`PRAGMA data_version` of SQLite changes with commits of other connections and is polled, which costs
a few system calls. PostgreSQL sends a `NOTIFY` with each commit.
"""

from __future__ import annotations

import secrets
import select
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog
from sqlalchemy import text

from indexes.catalog.base import CHANNEL
from mm.errors import Unavailable

if TYPE_CHECKING:
    import psycopg

    from indexes.catalog.database import Database

CHECK_SECONDS = 5.0
"""Longest wait for the test notification that shows whether notifications arrive."""


class ChangeSource(Protocol):
    """An open source of changes."""

    def wait(self, stop: int) -> bool | None:
        """Block until there may be a change.

        Returns True if there may be one, False to call again, None when the file descriptor `stop`
        is readable. Raises `Unavailable` when the source does not respond.
        """
        ...


@contextmanager
def open_changes(database: Database, seconds: float) -> Iterator[ChangeSource]:
    """Open the change source of a catalog; polls SQLite every `seconds`. Raises `Unavailable`."""
    with database.unpooled() as connection:
        if isinstance(connection, sqlite3.Connection):
            yield SqliteChanges(connection, seconds)
        else:
            yield PostgresqlChanges(connection, database, seconds)


class SqliteChanges:
    """Polls the commit counter, and checks that the open file is still in place."""

    def __init__(self, connection: sqlite3.Connection, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self._path = Path(connection.execute("PRAGMA database_list").fetchone()[2])
        self._file = self._identity()
        self._version = self._read()

    def wait(self, stop: int) -> bool | None:
        if readable([stop], self._seconds):
            return None
        if self._identity() != self._file:
            raise Unavailable(f"The catalog {self._path} was replaced by another file.")
        before, self._version = self._version, self._read()
        return self._version != before

    def _read(self) -> int:
        try:
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error as error:
            raise Unavailable(f"The catalog does not respond: {error}.") from error

    def _identity(self) -> tuple[int, int]:
        try:
            status = self._path.stat()
        except OSError as error:
            raise Unavailable(f"The catalog {self._path} cannot be read: {error.strerror}.") from error
        return status.st_dev, status.st_ino


class PostgresqlChanges:
    """Waits for notifications, or polls where they do not arrive (behind a transaction pooler)."""

    def __init__(self, connection: psycopg.Connection, database: Database, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        with _translate_errors():
            connection.autocommit = True
            connection.execute(f"LISTEN {CHANNEL}".encode())
        self.arrive = self._check(database)
        """Whether notifications arrive."""
        if not self.arrive:
            structlog.get_logger().warning("catalog notifications not delivered, polling the catalog", seconds=seconds)

    def wait(self, stop: int) -> bool | None:
        if stop in readable([self._connection.fileno(), stop], None if self.arrive else self._seconds):
            return None
        return bool(self._received()) or not self.arrive

    def _received(self) -> list[str]:
        """Return the payloads of pending notifications."""
        with _translate_errors():
            return [notification.payload for notification in self._connection.notifies(timeout=0)]

    def _check(self, database: Database) -> bool:
        """Send a notification by another connection. Returns whether it arrives."""
        mark = secrets.token_hex(8)
        with database.write() as session:
            session.execute(text("SELECT pg_notify(:channel, :mark)"), {"channel": CHANNEL, "mark": mark})
        end = time.monotonic() + CHECK_SECONDS
        while (left := end - time.monotonic()) > 0:
            readable([self._connection.fileno()], left)
            if mark in self._received():
                return True
        return False


def readable(files: Sequence[int], seconds: float | None) -> set[int]:
    """Wait up to `seconds` for file descriptors to become readable. Returns those that are."""
    poll = select.poll()  # `select` is limited to descriptors below 1024
    for file in files:
        poll.register(file, select.POLLIN)
    return {file for file, _ in poll.poll(None if seconds is None else seconds * 1000)}


@contextmanager
def _translate_errors() -> Iterator[None]:
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise Unavailable(f"The catalog does not respond: {str(error).strip().splitlines()[0]}.") from error
