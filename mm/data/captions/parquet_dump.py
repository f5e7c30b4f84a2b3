"""Parquet files of a data set as Hugging Face stores them, with the images inside.

A column has the bytes of the image (`image.bytes`), others its captions, name and split. Images are
written to a cache folder when they are needed, never beside the files of the user.
"""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from mm.data.captions.types import Annotations, CaptionRow, rename_split
from mm.data.parquet import quote_column, read_columns, read_rows
from mm.data.sets.problems import IMAGES, ProblemList
from mm.errors import InvalidInput, StorageFull
from mm.files import write_atomic

CAPTIONS = ("caption", "captions", "text", "texts", "raw", "sentences", "sentences_raw", "answer")
NAMES = ("filename", "file_name", "image_filename", "image_name", "img_id", "image_id", "id")
_PART = re.compile(r"(train|validation|valid|val|dev|test)\b", re.IGNORECASE)


def read_dump(paths: Sequence[Path], problems: ProblemList) -> Annotations:
    """Rows of the files without their images; several rows of one image are put together."""
    rows: dict[tuple[str, str], CaptionRow] = {}
    for path in paths:
        try:
            for row in _read_file(path, problems):
                key = (row.split, row.image)
                if (known := rows.get(key)) is not None:
                    row = CaptionRow(
                        known.image, tuple(dict.fromkeys((*known.captions, *row.captions))), known.split, known.where,
                        parquet=known.parquet,
                    )  # fmt: skip
                rows[key] = row
        except InvalidInput as error:
            problems.error("not Parquet", path.name, str(error))
    return Annotations(f"{len(paths)} Parquet files with images", tuple(rows.values()))


def extract_images(rows: Iterable[CaptionRow], cache: Path) -> dict[str, Path]:
    """Write the images of rows that the cache lacks; returns the files by the name of the image.

    Raises `StorageFull`, and `InvalidInput` when the cache cannot be written.
    """
    wanted: dict[Path, dict[int, str]] = {}
    for row in rows:
        if row.parquet is not None:
            wanted.setdefault(row.parquet[0], {})[row.parquet[1]] = row.image
    found: dict[str, Path] = {}
    for path, names in wanted.items():
        folder = cache / _identify(path)
        files = {number: folder / _file_name(name) for number, name in names.items()}
        missing = {number for number, file in files.items() if not file.is_file()}
        if missing:
            column = _find_image_column(read_columns(path))
            for read in read_rows(path, (_bytes_of(column, read_columns(path)[column]),)):
                data = next(iter(read.values.values()))
                if read.number - 1 in missing and isinstance(data, bytes) and data:
                    _write(files[read.number - 1], data)
        found |= {names[number]: file for number, file in files.items() if file.is_file()}
    return found


def _read_file(path: Path, problems: ProblemList) -> Iterable[CaptionRow]:
    columns = read_columns(path)
    image = _find_image_column(columns)
    captions = [name for name in columns if name.lower() in CAPTIONS or re.fullmatch(r"caption_?\d+", name.lower())]
    if not captions:
        problems.error("no captions", path.name, f"no column has captions; the columns are {', '.join(columns)}.")
        return
    name = next((name for name in NAMES if name in columns), None)
    selected = [f"{quote_column(column)} AS c{number}" for number, column in enumerate(captions)]
    if "STRUCT" in columns[image].upper() and "PATH" in columns[image].upper():
        selected.append(f"{quote_column(image)}.path AS path")
    selected += [f"octet_length({_bytes_of(image, columns[image])}) AS size"]
    selected += [f"{quote_column(name)} AS name"] if name else []
    selected += ['"split" AS split'] if "split" in columns else []
    match = _PART.match(path.stem)
    for row in read_rows(path, selected):
        named = str(row.values.get("name") or row.values.get("path") or f"{path.stem}-{row.number}")
        texts = [text for number in range(len(captions)) for text in _list_texts(row.values[f"c{number}"])]
        split = str(row.values.get("split") or (match[1] if match else ""))
        if not row.values["size"]:
            problems.warn("no image", row.where, "the row has no image.")
        elif not texts:
            problems.warn("no caption", row.where, "the image has no caption.")
        yield CaptionRow(named, tuple(texts), rename_split(split), row.where, parquet=(path, row.number - 1))


def _find_image_column(columns: dict[str, str]) -> str:
    """Raises `InvalidInput` if no column has the bytes of images."""
    for name, kind in columns.items():
        if kind.upper() == "BLOB" or ("STRUCT" in kind.upper() and "BLOB" in kind.upper()):
            return name
    raise InvalidInput(f"No column has images; the columns are {', '.join(columns)}.")


def _bytes_of(column: str, kind: str) -> str:
    return quote_column(column) if kind.upper() == "BLOB" else f"{quote_column(column)}.bytes"


def _list_texts(value: object) -> list[str]:
    """Captions of a value: a text, a list of texts, or objects with `raw`."""
    if isinstance(value, list | tuple):
        return [text for entry in value for text in _list_texts(entry)]
    if isinstance(value, dict):
        return _list_texts(value.get("raw"))
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return [text] if text else []


def _identify(path: Path) -> str:
    """A name of the folder of a file in the cache, which changes with the file."""
    state = path.stat()
    text = f"{path.resolve()}:{state.st_size}:{state.st_mtime_ns}"
    return f"{path.stem}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _file_name(name: str) -> str:
    """A safe name with the suffix of an image: names come from the file and may have slashes."""
    safe = re.sub(r"[^\w.-]", "_", PurePosixPath(name).name)[-120:].lstrip(".") or "image"
    if safe != name:
        safe = f"{hashlib.sha256(name.encode()).hexdigest()[:8]}-{safe}"
    return safe if Path(safe).suffix.lower() in IMAGES else f"{safe}.jpg"


def _write(path: Path, data: bytes) -> None:
    try:
        write_atomic(path, data, durable=False)
    except OSError as error:
        remedy = "Free space, or set MM_SETS_CACHE to a folder of another disk."
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"Images cannot be written to {path.parent}: the disk is full. {remedy}") from error
        raise InvalidInput(f"Images cannot be written to {path.parent}: {error.strerror}. {remedy}") from error
