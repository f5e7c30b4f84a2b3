"""Vectors of segments on disk, immutable: `MM_HOME/shards/aa/<sha256>.safetensors`.

One float16 matrix a kind of evidence, and those that no search looks at; the header's metadata
holds the space and what the rows are about. The id is the SHA-256 of the file, so that a flipped
bit is noticed and the same content is stored once.
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
KEY = "mm"
"""The only entry of the metadata: safetensors writes several in no fixed order, and the id must not
depend on it."""

RESTORE = "Restore it from a backup, or delete the item and send its file again."
Half = npt.NDArray[np.float16]
"""Shape (N, dim)."""


@dataclass(frozen=True, slots=True)
class Shard:
    """What was written, unchanged."""

    space: SpaceId
    vectors: Mapping[str, Half]
    """By kind of evidence; what else is there says who writes it."""
    segments: list[Any]
    """JSON values; who writes them says what they mean."""


class ShardStore:
    """Safe to use from any number of threads and processes."""

    def __init__(self, folder: Path, lock: Path) -> None:
        self._files = ContentAddressedFiles(folder, lock, ".safetensors")

    def write(self, space: SpaceId, vectors: Mapping[str, Half], segments: Sequence[object]) -> str:
        """Store one shard and return its id. The same content gives the same id.

        Raises `InvalidInput` for vectors that are not finite float16 matrices, `Unavailable` when
        the disk does not take them.
        """
        for kind, matrix in vectors.items():
            if matrix.dtype != np.float16 or matrix.ndim != 2 or not np.isfinite(matrix).all():
                raise InvalidInput(f"The {kind} vectors of a shard are not a finite float16 matrix.")
        meta = json.dumps({"format": FORMAT, "space": str(space), "segments": list(segments)}, sort_keys=True, allow_nan=False)
        data = save({kind: np.ascontiguousarray(vectors[kind]) for kind in sorted(vectors)}, {KEY: meta})
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
        """A shard of that space.

        Raises `MissingData`, `Corrupt` when it is not what was written, `SpaceMismatch` when it is
        of another space or version.
        """
        try:
            data = self.path(shard_id).read_bytes()
        except FileNotFoundError as error:
            raise MissingData(f"The shard {shard_id} is not in the folder shards of MM_HOME. {RESTORE}") from error
        except ValueError as error:
            raise Corrupt(f"{shard_id[:64]!r} is no name of a shard.") from error
        except OSError as error:
            raise Corrupt(f"The vectors in shard {shard_id} cannot be read: {error.strerror}.") from error
        if hashlib.sha256(data).hexdigest() != shard_id:
            raise Corrupt(f"The vectors in shard {shard_id} are not those that were written: the checksum differs.")
        meta = _metadata(data)
        if meta["space"] != str(space):
            raise SpaceMismatch(f"The vectors in shard {shard_id} are of {meta['space']}, not of {space}.")
        return Shard(space, load(data), meta["segments"])

    def path(self, shard_id: str) -> Path:
        """Where a shard is, whether it exists or not."""
        return self._files.path(shard_id)

    def delete(self, shard_id: str) -> None:
        """Remove a shard, if it is there."""
        self._files.delete(shard_id)

    def sweep(self, older_than_seconds: float) -> int:
        """Remove what writers that ended with their process left behind. Returns how many files."""
        return self._files.sweep(older_than_seconds)

    @property
    def files(self) -> ContentAddressedFiles:
        """The folder, for garbage collection."""
        return self._files


def _metadata(data: bytes) -> dict[str, Any]:
    """The metadata of a file whose checksum holds: 8 bytes of length, then a JSON header."""
    length = int.from_bytes(data[:8], "little")
    meta: dict[str, Any] = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][KEY])
    return meta
