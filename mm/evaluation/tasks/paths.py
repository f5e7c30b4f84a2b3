"""Paths of files in records."""

from __future__ import annotations

from pathlib import Path


def relative_path(path: Path | None, root: Path) -> str:
    """The path below the root of the set, or the whole path of a file elsewhere."""
    if path is None:
        return ""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
