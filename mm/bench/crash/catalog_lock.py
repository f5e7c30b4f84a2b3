"""Lock a catalog: `python -m mm.bench.crash.catalog_lock URL` holds the lock until its input ends.

It prints `held` when it has the lock.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

TABLES = ("items", "jobs", "chunks", "segments", "evidence", "published", "buried", "library", "workers", "job_events", "tags")


@contextmanager
def lock_catalog(url: str) -> Iterator[None]:
    """Lock the catalog of an SQLAlchemy URL by another process for as long as the block lasts.

    The lock excludes writers of SQLite, and all clients of PostgreSQL.
    """
    command = [sys.executable, "-P", "-m", "mm.bench.crash.catalog_lock", url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        if holder.stdout.readline() != b"held\n":
            raise RuntimeError(f"The catalog {url} cannot be locked.")
        try:
            yield
        finally:
            holder.communicate()


def main(url: str) -> None:
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=60.0, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            _wait_for_end_of_input()
        return
    import psycopg

    with psycopg.connect(url.replace("postgresql+psycopg:", "postgresql:")) as server:
        server.execute(f"LOCK TABLE {', '.join(TABLES)} IN ACCESS EXCLUSIVE MODE".encode())
        _wait_for_end_of_input()


def _wait_for_end_of_input() -> None:
    sys.stdout.write("held\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
