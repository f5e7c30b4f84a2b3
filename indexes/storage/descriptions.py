"""What a catalog knows of an item that its bytes do not say, beside the bytes:
`MM_HOME/blobs/aa/<sha256>.json`.

Name, tags and time of upload; once it is encoded, also the shards of its chunks, so that a rebuild
need not encode it again.

Written once the item has its row and before its upload is acknowledged, removed with the item. So a
blob with a description and without a row is an item that the catalog lost, and one without both is
left over from an upload that never ended.
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
    """One chunk of an item, in seconds, and the shard with its vectors."""

    start: float
    end: float
    shard: str


class EncodedItem(BaseModel):
    """Every chunk of an item in one space."""

    space: str
    chunks: list[EncodedChunk]


class Description(BaseModel):
    """Name, tags and time of upload of an item, and its shards where they hold nothing but this
    item."""

    format: Literal[1] = 1
    name: str
    tags: list[str]
    created_at: datetime
    encoded: EncodedItem | None = None

    @classmethod
    def from_item(cls, item: ItemRow, encoded: EncodedItem | None = None) -> Self:
        return cls(name=item.name, tags=list(item.tags), created_at=item.created_at, encoded=encoded)

    def to_json(self) -> bytes:
        return self.model_dump_json(exclude_none=True).encode()


class DescriptionStore:
    """Safe to use from any number of threads and processes."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def path(self, sha256: str) -> Path:
        """Where the description of a blob is, whether it exists or not."""
        return self._blobs.files.description_path(sha256)

    def exists(self, sha256: str) -> bool:
        return self.path(sha256).exists()

    def write(self, item: ItemRow, encoded: EncodedItem | None = None) -> None:
        """Describe an item as its row does, in place of what was there; without `encoded` its
        shards stay as they were.

        Raises `Unavailable` when the disk does not take it.
        """
        if encoded is None:
            with suppress(Corrupt):
                encoded = None if (before := self.read(item.sha256)) is None else before.encoded
        self.put(item.sha256, Description.from_item(item, encoded))

    def put(self, sha256: str, description: Description) -> None:
        """Describe a blob. Raises `Unavailable` when the disk does not take it."""
        data = description.to_json()
        path = self.path(sha256)
        if not path.exists() or path.read_bytes() != data:
            write_durable(path, data, self._blobs.files.incoming)

    @contextmanager
    def prepare(self, description: Description) -> Iterator[Callable[[str], None]]:
        """A description that is safely on disk before its item has a row; what is given names the
        blob that it belongs to.

        It is gone at the end of the block unless it was given to a blob. Raises `Unavailable`.
        """
        temporary = temporary_path(self._blobs.files.incoming)
        with translate_disk_errors(temporary.parent):
            self._blobs.files.prepare()
            with open_new(temporary) as file:
                file.write(description.to_json())

        def give(sha256: str) -> None:
            with translate_disk_errors(temporary.parent):
                rename_durable(temporary, self.path(sha256))

        try:
            yield give
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
        """Those without a description."""
        return [sha256 for sha256 in sha256s if not self.exists(sha256)]
