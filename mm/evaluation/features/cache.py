"""Features on disk, by content of the file and by encoder; one SQLite file that processes share.

Vectors of texts are kept beside them, by text and by tower.

A file is hashed once: its hash is kept by path, size and time of modification. Rows are written in
transactions, so that a killed process leaves complete rows only. Deleting the file costs time and
nothing else.
"""

from __future__ import annotations

import io
import json
import sqlite3
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mm.errors import Corrupt, InvalidInput, StorageFull
from mm.evaluation.features.owners import is_gone
from mm.evaluation.features.types import Features
from mm.files import hash_file
from mm.numerics import Float32

BUSY_SECONDS = 60.0
"""Wait for a transaction of another process, at most."""
NUM_HASHERS = 2
"""Files that are hashed at the same time."""
MAX_VARIABLES = 500
"""Hashes of one query; older SQLite allows 999 variables."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INTEGER, modified INTEGER, hash TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS features (
    hash TEXT, encoder TEXT, payload BLOB NOT NULL, PRIMARY KEY (hash, encoder)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS texts (
    hash TEXT, encoder TEXT, vector BLOB NOT NULL, PRIMARY KEY (hash, encoder)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (slice TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL);
"""


class _HashedFile(NamedTuple):
    path: str
    size: int
    modified: int
    digest: str
    is_known: bool


class FeatureCache:
    """Used by several threads and processes at once."""

    def __init__(self, path: Path, *, has_other_hosts: bool = False) -> None:
        """Open or create the file. Raises `StorageFull`, `Corrupt`.

        With `has_other_hosts` processes of several machines may share it over a network file system
        with locks. All processes then open it so: the write-ahead log, which is faster, needs the
        shared memory of one machine (https://sqlite.org/wal.html).
        """
        self._path = path
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._mapped_errors():
            self._database = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None)
            self._database.execute(f"PRAGMA journal_mode={'DELETE' if has_other_hosts else 'WAL'}")
            # With the log a loss of power may cost the last rows, without it a damaged file.
            self._database.execute(f"PRAGMA synchronous={'FULL' if has_other_hosts else 'NORMAL'}")
            self._database.executescript(_SCHEMA)

    def close(self) -> None:
        self._database.close()

    def hash_files(self, paths: Sequence[Path]) -> list[str | InvalidInput]:
        """SHA-256 of each file; an error in place of one that cannot be read.

        Files that are not known are read in threads, and stored in one transaction. Raises
        `StorageFull`.
        """
        with ThreadPoolExecutor(NUM_HASHERS, thread_name_prefix="hash") as pool:
            hashed = list(pool.map(self._hash_file, paths))
        new = [each for each in hashed if isinstance(each, _HashedFile) and not each.is_known]
        if new:
            with self._transaction():
                self._database.executemany(
                    "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)",
                    [(each.path, each.size, each.modified, each.digest) for each in new],
                )
        return [each.digest if isinstance(each, _HashedFile) else each for each in hashed]

    def hash_of(self, path: Path) -> str:
        """SHA-256 of one file. Raises `InvalidInput` for one that cannot be read."""
        digest = self.hash_files([path])[0]
        if isinstance(digest, InvalidInput):
            raise digest
        return digest

    def _hash_file(self, path: Path) -> _HashedFile | InvalidInput:
        try:
            status = path.stat()
            key = (str(path), status.st_size, status.st_mtime_ns)
            known = self._one("SELECT hash FROM files WHERE path = ? AND size = ? AND modified = ?", *key)
            return _HashedFile(*key, str(known[0]), True) if known is not None else _HashedFile(*key, hash_file(path), False)
        except OSError as error:
            return InvalidInput(f"{path} cannot be read: {error.strerror}.")

    def has(self, digest: str, encoder: str) -> bool:
        """Whether there are features of this content by this encoder."""
        return self._one("SELECT 1 FROM features WHERE hash = ? AND encoder = ?", digest, encoder) is not None

    def get(self, digest: str, encoder: str) -> Features:
        """Raises `KeyError` where there are none."""
        row = self._one("SELECT payload FROM features WHERE hash = ? AND encoder = ?", digest, encoder)
        if row is None:
            raise KeyError(digest)
        return unpack(row[0])

    def put(self, rows: Sequence[tuple[str, Features]], encoder: str) -> None:
        """Store features by hash, all or none. Raises `StorageFull`."""
        with self._transaction():
            self._database.executemany(
                "INSERT OR REPLACE INTO features VALUES (?, ?, ?)",
                [(digest, encoder, pack(features)) for digest, features in rows],
            )

    def get_texts(self, digests: Sequence[str], encoder: str) -> dict[str, Float32]:
        """Vectors (D,) of the texts that are stored, by hash."""
        found: dict[str, Float32] = {}
        for start in range(0, len(digests), MAX_VARIABLES):
            several = digests[start : start + MAX_VARIABLES]
            marks = ",".join("?" * len(several))
            with self._lock, self._mapped_errors():
                rows = self._database.execute(
                    f"SELECT hash, vector FROM texts WHERE encoder = ? AND hash IN ({marks})",
                    (encoder, *several),
                ).fetchall()
            found |= {digest: np.frombuffer(vector, np.float32) for digest, vector in rows}
        return found

    def put_texts(self, rows: Mapping[str, Float32], encoder: str) -> None:
        """Store vectors (D,) of texts by hash, all or none. Raises `StorageFull`."""
        with self._transaction():
            self._database.executemany(
                "INSERT OR REPLACE INTO texts VALUES (?, ?, ?)",
                [(digest, encoder, np.ascontiguousarray(vector, np.float32).tobytes()) for digest, vector in rows.items()],
            )

    def lease(self, slice_key: str, owner: str, seconds: float) -> bool:
        """Take or extend the lease of a slice; False while another owner has it.

        The lease of a process of this machine that has ended is free (`owners.is_gone`).
        """
        now = time.time()
        with self._transaction():
            self._database.execute(
                "INSERT INTO leases VALUES (?, ?, ?) ON CONFLICT(slice) DO UPDATE "
                "SET owner = excluded.owner, until = excluded.until WHERE leases.owner = excluded.owner OR leases.until < ?",
                (slice_key, owner, now + seconds, now),
            )
            row = self._database.execute("SELECT owner FROM leases WHERE slice = ?", (slice_key,)).fetchone()
            if is_free := row[0] != owner and is_gone(row[0]):
                self._database.execute(
                    "UPDATE leases SET owner = ?, until = ? WHERE slice = ?", (owner, now + seconds, slice_key)
                )
        return bool(is_free or row[0] == owner)

    def has_lease(self, prefix: str) -> bool:
        """Whether a running process has a lease of a slice whose key begins so."""
        with self._lock, self._mapped_errors():
            owners = self._database.execute(
                "SELECT owner FROM leases WHERE substr(slice, 1, ?) = ? AND until >= ?", (len(prefix), prefix, time.time())
            ).fetchall()
        return any(not is_gone(owner) for (owner,) in owners)

    def release(self, slice_key: str, owner: str) -> None:
        """Give a lease back, if this owner still has it."""
        self._run("DELETE FROM leases WHERE slice = ? AND owner = ?", slice_key, owner)

    def _one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        with self._lock, self._mapped_errors():
            row: tuple[Any, ...] | None = self._database.execute(query, values).fetchone()
            return row

    def _run(self, query: str, *values: object) -> None:
        with self._lock, self._mapped_errors():
            self._database.execute(query, values)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, self._mapped_errors():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._database.in_transaction:  # a full disk ends it already
                    self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    @contextmanager
    def _mapped_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "full" in str(error) or "disk I/O" in str(error):
                raise StorageFull(
                    f"{self._path} cannot be written: {error}. Free space, then run the same command again."
                ) from error
            raise
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:  # its subclasses are mistakes of a caller
                raise
            raise Corrupt(
                f"{self._path} is damaged: {error}. Delete it; it holds nothing that cannot be computed again."
            ) from error


class CachedFeatures(Mapping[str, Features]):
    """Features by id of the item, read from the cache at each access."""

    def __init__(self, cache: FeatureCache, hashes: Mapping[str, str], encoder: str) -> None:
        """`hashes` are SHA-256 of the files by id of the item."""
        self._cache, self._hashes, self._encoder = cache, hashes, encoder

    def __getitem__(self, key: str) -> Features:
        return self._cache.get(self._hashes[key], self._encoder)

    def __contains__(self, key: object) -> bool:
        return key in self._hashes

    def __iter__(self) -> Iterator[str]:
        return iter(self._hashes)

    def __len__(self) -> int:
        return len(self._hashes)


def pack(features: Features) -> bytes:
    """Features as bytes of an npz file without pickled objects."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for kind, vectors in features.vectors.items():
        arrays[f"vectors.{kind}"], arrays[f"spans.{kind}"] = vectors, features.spans[kind]
    for name in ("frame_times", "frame_vectors", "frame_motions"):
        if (array := getattr(features, name)) is not None:
            arrays[name] = array
    described = {"duration": features.duration, "texts": {kind: list(texts) for kind, texts in features.texts.items()}}
    arrays["described"] = np.frombuffer(json.dumps(described).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def unpack(data: bytes) -> Features:
    """The inverse of `pack`. Raises `Corrupt`."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            described = json.loads(arrays["described"].tobytes())
            kinds = [name.removeprefix("vectors.") for name in arrays.files if name.startswith("vectors.")]
            return Features(
                described["duration"],
                {kind: arrays[f"vectors.{kind}"] for kind in kinds},
                {kind: arrays[f"spans.{kind}"] for kind in kinds},
                {kind: tuple(texts) for kind, texts in described["texts"].items()},
                *(arrays.get(name) for name in ("frame_times", "frame_vectors", "frame_motions")),
            )
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise Corrupt(f"Stored features cannot be read: {error}.") from error
