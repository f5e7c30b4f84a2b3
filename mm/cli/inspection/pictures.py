"""Finds the images that a command names, and the groups of good ones."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from mm.cli.batch_upload import files_below
from mm.errors import InvalidInput, NotFound
from mm.inspection.types import GoodImage

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif"})
VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".ts", ".mpg", ".mpeg"})
PREFIX = re.compile(r"(.+?)[-_. ][^-_. ]*")
"""Name of a file without suffix: the part, a separator, and what follows the last one."""
GROUPINGS = ("none", "folder", "prefix")


def find_files(paths: Sequence[Path], suffixes: frozenset[str]) -> list[Path]:
    """The files named, and those of the folders named that have one of the suffixes, each once.

    Hidden files and links in folders are left out. Raises `NotFound` for a path that does not
    exist, and `InvalidInput` when nothing remains.
    """
    for path in paths:
        if not path.exists():
            raise NotFound(f"{path} does not exist.")
    named = set(paths)
    files = [path for path in files_below(paths) if path in named or _is_listed(path, suffixes)]
    unique = list({path.resolve(): path for path in reversed(files)}.values())[::-1]
    if not unique:
        folders = ", ".join(map(str, paths)) or "nothing"
        raise InvalidInput(f"There are no images in {folders}. Images of folders end in {', '.join(sorted(suffixes))}.")
    return unique


def group_images(files: Sequence[Path], group_by: str) -> list[GoodImage]:
    """Good images in groups: each its own (`none`), by `folder`, by `prefix`, or by a table.

    A table is a CSV file with a row for each image: its path or name, and its group. Raises
    `InvalidInput` for another word, and for an image that the table does not have, or has twice.
    """
    if group_by not in GROUPINGS:
        groups = _read_table(Path(group_by))
        return [GoodImage(path, _look_up(path, groups, group_by)) for path in files]
    if group_by == "folder":
        return [GoodImage(path, str(path.parent.resolve())) for path in files]
    if group_by == "prefix":
        return [GoodImage(path, f"{path.parent.resolve()}/{_prefix(path)}") for path in files]
    return [GoodImage(path, str(path.resolve())) for path in files]


def _is_listed(path: Path, suffixes: frozenset[str]) -> bool:
    return path.suffix.lower() in suffixes and not path.is_symlink()


def _prefix(path: Path) -> str:
    match = PREFIX.fullmatch(path.stem)
    return match[1] if match else path.stem


def _read_table(path: Path) -> dict[str, str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except FileNotFoundError as error:
        raise InvalidInput(f"Groups are by {', '.join(GROUPINGS)}, or by a CSV file; there is no file {path}.") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{path} cannot be read as a CSV file of groups: {error}.") from error
    groups: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        if len(row) != 2:
            raise InvalidInput(f"{path}, row {number}: expected two columns, an image and its group.")
        image, group = (cell.strip() for cell in row)
        if groups.setdefault(image, group) != group:
            raise InvalidInput(f"{path}, row {number}: {image} has two groups.")
    return groups


def _look_up(path: Path, groups: dict[str, str], table: str) -> str:
    for name in _names(path):
        if name in groups:
            return groups[name]
    raise InvalidInput(f"{table} has no group for {path}.")


def _names(path: Path) -> Iterable[str]:
    return str(path), str(path.resolve()), path.name
