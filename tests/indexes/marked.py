"""Folders of files with a marker."""

from __future__ import annotations

from pathlib import Path

from indexes.storage.markers import MARKER, Marker


def mark(folder: Path) -> Path:
    """Create a folder with a marker, without which the stores refuse to write to it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text(Marker(identity="0" * 32).model_dump_json())
    return folder
