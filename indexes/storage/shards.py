"""Shards: immutable files with the vectors of a chunk, `MM_HOME/shards/aa/<sha256>.safetensors`.

A shard has one float16 matrix for each kind of evidence, and matrices that are not searched; the
metadata of the header holds the space and the segments. The id is the SHA-256 of the file, which
detects damage and stores equal contents once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load, save

from indexes.storage.content_addressed import ContentAddressedFiles
from indexes.storage.files import temporary_path, translate_disk_errors
from mm.errors import Corrupt, InvalidInput, MissingData, SpaceMismatch
from mm.files import open_new
from mm.spaces.types import SpaceId

FORMAT = 1
METADATA_KEY = "mm"
"""The only metadata entry: safetensors writes several entries in no fixed order, which would change
the id."""

RECOVERY_HINT = "Restore it from a backup, or delete the item and upload its file again."
Half = npt.NDArray[np.float16]
"""Shape (N, dim)."""


@dataclass(frozen=True, slots=True)
class Shard:
    """The contents of a shard."""

    space: SpaceId
    vectors: Mapping[str, Half]
    """By kind of evidence, or by a name that the writer defines."""
    segments: list[Any]
    """JSON values that the writer defines."""


class ShardStore:
    """Shards by id. Safe to use from any number of threads and processes."""

    def __init__(self, folder: Path, lock: Path) -> None:
        self._files = ContentAddressedFiles(folder, lock, ".safetensors")

    def write(self, space: SpaceId, vectors: Mapping[str, Half], segments: Sequence[object]) -> str:
        """Store one shard and return its id; equal contents have equal ids.

        Raises `InvalidInput` for vectors that are not finite float16 matrices, `Unavailable` when
        the disk fails.
        """
        for kind, matrix in vectors.items():
            if matrix.dtype != np.float16 or matrix.ndim != 2 or not np.isfinite(matrix).all():
                raise InvalidInput(f"The {kind} vectors of a shard are not a finite float16 matrix.")
        meta = json.dumps({"format": FORMAT, "space": str(space), "segments": list(segments)}, sort_keys=True, allow_nan=False)
        data = save({kind: np.ascontiguousarray(vectors[kind]) for kind in sorted(vectors)}, {METADATA_KEY: meta})
        shard_id = hashlib.sha256(data).hexdigest()
        with translate_disk_errors(self._files.folder):
            self._files.prepare()
            temporary = temporary_path(self._files.incoming)
            try:
                with open_new(temporary) as file:
                    file.write(data)
                self._files.add(temporary, shard_id)
            finally:
                temporary.unlink(missing_ok=True)
        return shard_id

    def read(self, shard_id: str, space: SpaceId) -> Shard:
        """Read a shard of a space.

        Raises `MissingData`, `Corrupt` when the checksum differs, `SpaceMismatch` when it is of
        another space or version.
        """
        try:
            data = self.path(shard_id).read_bytes()
        except FileNotFoundError as error:
            raise MissingData(f"The shard {shard_id} is not in the folder shards of MM_HOME. {RECOVERY_HINT}") from error
        except ValueError as error:
            raise Corrupt(f"{shard_id[:64]!r} is not a shard id.") from error
        except OSError as error:
            raise Corrupt(f"The vectors in shard {shard_id} cannot be read: {error.strerror}.") from error
        if hashlib.sha256(data).hexdigest() != shard_id:
            raise Corrupt(f"The vectors in shard {shard_id} are damaged: the checksum differs.")
        meta = _metadata(data)
        if meta["space"] != str(space):
            raise SpaceMismatch(f"The vectors in shard {shard_id} are of {meta['space']}, not of {space}.")
        return Shard(space, load(data), meta["segments"])

    def path(self, shard_id: str) -> Path:
        """The path of a shard, whether it exists or not."""
        return self._files.path(shard_id)

    def delete(self, shard_id: str) -> None:
        """Delete a shard, if it exists."""
        self._files.delete(shard_id)

    def sweep(self, older_than_seconds: float) -> int:
        """Remove temporary files of writers whose process ended. Returns how many."""
        return self._files.sweep(older_than_seconds)

    @property
    def files(self) -> ContentAddressedFiles:
        """The content-addressed folder, for garbage collection."""
        return self._files


def _metadata(data: bytes) -> dict[str, Any]:
    """The metadata of an intact file: 8 bytes of length, then a JSON header."""
    length = int.from_bytes(data[:8], "little")
    meta: dict[str, Any] = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][METADATA_KEY])
    return meta
