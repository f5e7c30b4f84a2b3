"""Collects problems of a folder, and finds files in it by their names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mm.data.sets.types import Problem, SetItem, list_errors

MAX_LISTED = 20
"""Problems of one kind that are listed; the others are counted."""
NUM_NAMED = 5
"""Files that a problem names."""
MAX_DEPTH = 4
"""Folders below the root that are searched for files."""
IMAGES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"))
VIDEOS = frozenset((".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".mpg", ".mpeg", ".ts"))
SOUNDS = frozenset((".wav", ".ogg", ".mp3", ".flac", ".m4a", ".opus"))
MEDIA = IMAGES | VIDEOS | SOUNDS
"""Suffixes of files that are taken for images, videos and sounds."""


class ProblemList:
    """Problems in the order in which they were found, at most `MAX_LISTED` of a kind."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._counts: dict[str, int] = {}
        self._severities: dict[str, Literal["error", "warning"]] = {}

    def error(self, kind: str, where: str, what: str, remedy: str = "") -> None:
        """Add a problem that prevents the evaluation; `kind` is what is counted."""
        self._add("error", kind, where, what, remedy)

    def warn(self, kind: str, where: str, what: str, remedy: str = "") -> None:
        """Add a problem that an evaluation survives."""
        self._add("warning", kind, where, what, remedy)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Add problems that were collected elsewhere."""
        self._problems.extend(problems)

    @property
    def has_errors(self) -> bool:
        return bool(list_errors(self._problems))

    def listed(self) -> list[Problem]:
        """All problems; a last one for each kind of which not all are listed."""
        more = [
            Problem(self._severities[kind], kind, f"{count - MAX_LISTED} more problems of this kind.")
            for kind, count in self._counts.items()
            if count > MAX_LISTED
        ]
        return [*self._problems, *more]

    def _add(self, severity: Literal["error", "warning"], kind: str, where: str, what: str, remedy: str) -> None:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        self._severities[kind] = severity
        if self._counts[kind] <= MAX_LISTED:
            self._problems.append(Problem(severity, where, what, remedy))


@dataclass(frozen=True, slots=True)
class FolderIndex:
    """Files of a folder and of `MAX_DEPTH` folders below it, by name, in the order of their paths.

    Names that begin with a dot are left out.
    """

    root: Path
    files: dict[str, tuple[Path, ...]]

    @classmethod
    def read(cls, root: Path) -> FolderIndex:
        """Raises no error for a folder that cannot be read: it has no files."""
        files: dict[str, list[Path]] = {}
        for folder, folders, names in os.walk(root, followlinks=True):
            below = Path(folder)
            depth = len(below.relative_to(root).parts)
            folders[:] = sorted(name for name in folders if not name.startswith(".")) if depth < MAX_DEPTH else []
            for name in sorted(names):
                if not name.startswith("."):
                    files.setdefault(name, []).append(below / name)
        return cls(root, {name: tuple(paths) for name, paths in files.items()})

    def first(self, names: Sequence[str]) -> Path | None:
        """The file with the first of these names that is there."""
        return next((self.files[name][0] for name in names if name in self.files), None)

    def suffixed(self, suffixes: Iterable[str]) -> list[Path]:
        """Files with one of these suffixes, in the order of their paths."""
        wanted = frozenset(suffixes)
        return sorted(path for paths in self.files.values() for path in paths if path.suffix.lower() in wanted)

    def name(self, path: Path) -> str:
        """A path below the root as it is named in problems."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)


def name_some(names: Sequence[str]) -> str:
    """The first names, and whether there are more."""
    return ", ".join(names[:NUM_NAMED]) + (", ..." if len(names) > NUM_NAMED else "")


def warn_of_missing(problems: ProblemList, root: Path, items: Sequence[SetItem], noun: str, get: str) -> None:
    """Report files that annotations name and that are not there; an error if all are missing."""
    missing = [item.id for item in items if item.path is None]
    if not missing:
        return
    what = f"{len(missing)} of {count_noun(len(items), noun)} are missing: {name_some(missing)}."
    (problems.error if len(missing) == len(items) else problems.warn)("missing files", str(root), what, get)


def warn_of_undescribed(problems: ProblemList, root: Path, names: Sequence[str], noun: str) -> None:
    """Report files that no annotation names."""
    if names:
        have = "has" if len(names) == 1 else "have"
        what = f"{count_noun(len(names), noun)} {have} no annotation: {name_some(names)}."
        problems.warn("files without annotation", str(root), what)


def count_noun(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def find_file_of_content(paths: Sequence[Path]) -> Path | None:
    """The first file that is not empty: a download that did not end often leaves an empty one."""
    for path in paths:
        try:
            if path.stat().st_size:
                return path
        except OSError:
            continue
    return None
