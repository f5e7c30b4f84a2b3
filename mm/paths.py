"""Paths of the server in texts that others read."""

from __future__ import annotations

from pathlib import Path


def hide_home(text: str, home: Path) -> str:
    """The text with `MM_HOME` in place of the path of the home folder: answers name no path of the
    server."""
    return text.replace(str(home), "MM_HOME")
