"""Descriptions: a copy of an item's metadata beside its blob, `MM_HOME/blobs/aa/<sha256>.json`.

Holds name, tags and time of upload, and the shards of an encoded item, so that a lost catalog can
be rebuilt without encoding again. A description is written after the item's row and before its
upload, or a change of it, is acknowledged, and deleted with the item. Until it is written, the row
is marked as not described, and the next sweep writes it. A blob with a description and without a
row is therefore an item that the catalog lost; a blob with neither is of an unfinished upload.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ValidationError

from indexes.storage.files import rename_durable, temporary_path, translate_disk_errors, write_durable
from mm.errors import Corrupt
from mm.files import open_new

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from indexes.catalog.records import ItemRow
    from indexes.storage.blobs import BlobStore


class EncodedChunk(BaseModel):
    """Time range in seconds of one chunk, and the shard with its vectors."""

    start: float
    end: float
    shard: str


class EncodedItem(BaseModel):
    """All chunks of an item in one space."""

    space: str
    chunks: list[EncodedChunk]


class Description(BaseModel):
    """Metadata of an item; `encoded` only where its shards hold no other item."""

    format: Literal[1] = 1
    name: str
    tags: list[str]
    created_at: datetime
    encoded: EncodedItem | None = None
    favourite: bool | None = None
    """None where it is not; earlier versions wrote none."""
    trashed_at: datetime | None = None
    """When the item was moved to the trash."""

    @classmethod
    def from_item(cls, item: ItemRow, encoded: EncodedItem | None = None) -> Self:
        return cls(
            name=item.name,
            tags=list(item.tags),
            created_at=item.created_at,
            encoded=encoded,
            favourite=item.favourite or None,
            trashed_at=item.trashed_at,
        )

    def to_json(self) -> bytes:
        return self.model_dump_json(exclude_none=True).encode()


class DescriptionStore:
    """Descriptions of blobs. Safe to use from any number of threads and processes."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def path(self, sha256: str) -> Path:
        """The path of the description of a blob, whether it exists or not."""
        return self._blobs.files.description_path(sha256)

    def exists(self, sha256: str) -> bool:
        return self.path(sha256).exists()

    def write(self, item: ItemRow, encoded: EncodedItem | None = None) -> None:
        """Replace the description of an item by its row; None keeps the `encoded` of before.

        Raises `Unavailable` when it cannot be written.
        """
        if encoded is None:
            with suppress(Corrupt):
                encoded = None if (before := self.read(item.sha256)) is None else before.encoded
        self.put(item.sha256, Description.from_item(item, encoded))

    def put(self, sha256: str, description: Description) -> None:
        """Write the description of a blob. Raises `Unavailable` when it cannot be written."""
        data = description.to_json()
        path = self.path(sha256)
        if not path.exists() or path.read_bytes() != data:
            write_durable(path, data, self._blobs.files.incoming)

    @contextmanager
    def prepare(self, description: Description) -> Iterator[Callable[[str], None]]:
        """Flush a description to a temporary file before its item has a row.

        Yields a function that moves it to a blob, by SHA-256; otherwise it is removed at the end of
        the block. Raises `Unavailable`.
        """
        temporary = temporary_path(self._blobs.files.incoming)
        with translate_disk_errors(temporary.parent):
            self._blobs.files.prepare()
            with open_new(temporary) as file:
                file.write(description.to_json())

        def assign(sha256: str) -> None:
            with translate_disk_errors(temporary.parent):
                rename_durable(temporary, self.path(sha256))

        try:
            yield assign
        finally:
            temporary.unlink(missing_ok=True)

    def read(self, sha256: str) -> Description | None:
        """The description of a blob, None if it has none. Raises `Corrupt`."""
        try:
            return Description.model_validate_json(self.path(sha256).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise Corrupt(f"The description of {sha256} cannot be read.") from error

    def filter_missing(self, sha256s: Iterable[str]) -> list[str]:
        """The blobs without a description."""
        return [sha256 for sha256 in sha256s if not self.exists(sha256)]
