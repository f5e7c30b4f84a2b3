"""Files of a form, written to a folder while they arrive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Self

from mm.errors import InvalidInput, TooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from api.http.forms import FieldHead


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file of a form."""

    path: Path
    name: str  # file name of the client, for messages


class FormFiles:
    """Writes each file of a form to a file of its own, together at most `limit` bytes, which are
    MM_QUERY_BYTES.

    `fields` are the fields that may have a file, one each; `clean_name` makes a file name fit for
    messages. A context manager, which closes the last file.
    """

    def __init__(self, folder: Path, limit: int, fields: Sequence[str], clean_name: Callable[[str], str]) -> None:
        self.files: dict[str, FormFile] = {}
        """By form field."""
        self._folder = folder
        self._limit = limit
        self._fields = fields
        self._clean_name = clean_name
        self._bytes_left = limit
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    def open(self, head: FieldHead) -> Self:
        """Begin a file. Raises `InvalidInput` for another field, and for a second file in one."""
        if head.name not in self._fields:
            fields = f"fields are {', '.join(self._fields)}" if len(self._fields) > 1 else f"field is {self._fields[0]}"
            raise InvalidInput(f"The form has no file field {head.name!r}; its file {fields}.")
        if head.name in self.files:
            raise InvalidInput(f"The form has two files in the field {head.name!r}.")
        self._close()
        path = self._folder / head.name  # never the name that the client sends
        self._file = path.open("wb")
        self.files[head.name] = FormFile(path, self._clean_name(head.filename or head.name))
        return self

    def write(self, data: bytes, /) -> None:
        """Append to the current file. Raises `TooLarge` above the limit."""
        assert self._file is not None
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise TooLarge(f"The files of the query have more than {self._limit:,} bytes, the maximum (MM_QUERY_BYTES).")
        self._file.write(data)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
