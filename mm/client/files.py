"""Files to send: their names, sizes and bytes, checked before a request starts."""

from __future__ import annotations

import base64
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from mm.client.steps import FormFile
from mm.errors import InvalidInput

if TYPE_CHECKING:
    from mm.client.steps import Source


def resolve_source(source: Source, name: str | None) -> tuple[Path | bytes, str]:
    """Return the file and its name. Raises `InvalidInput` for bytes without a name."""
    if isinstance(source, bytes):
        if not name:
            raise InvalidInput("Bytes have no file name; pass one as `name`.")
        return source, name
    path = Path(source)
    return path, name or path.name


def make_form_file(field: str, source: Source) -> FormFile:
    """Return a file field of a form. Raises `InvalidInput` if the file cannot be read."""
    file, name = resolve_source(source, field if isinstance(source, bytes) else None)
    if isinstance(file, Path):
        measure_file(file)
    return FormFile(field, file, name)


def measure_file(path: Path) -> int:
    """Return the size in bytes. Raises `InvalidInput` if it is no regular file or is unreadable."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would block
            raise InvalidInput(f"{path} cannot be read: it is not a regular file.")
        with path.open("rb") as file:  # detects missing permissions before anything is sent
            return file.seek(0, 2)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error


def make_data_url(source: Path | bytes) -> str:
    """Return an image file as a base64 data URL. Raises `InvalidInput` if it cannot be read."""
    return f"data:image/any;base64,{encode_file(source)}"


def encode_file(source: Path | bytes) -> str:
    """Return a file as base64. Raises `InvalidInput` if it cannot be read."""
    if isinstance(source, Path):
        measure_file(source)
        source = source.read_bytes()
    return base64.b64encode(source).decode()
