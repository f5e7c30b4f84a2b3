"""Folders of files as opening a library leaves them."""

from __future__ import annotations

from pathlib import Path

from indexes.storage.markers import MARKER, Marker


def mark(folder: Path) -> Path:
    """Give a folder the marker of some library, without which nothing is written to it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text(Marker(identity="0" * 32).model_dump_json())
    return folder
