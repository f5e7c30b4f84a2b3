"""Exported graphs of towers, built once a run instead of once a library."""

from __future__ import annotations

from pathlib import Path


def with_graphs(home: Path, graphs: Path) -> Path:
    """Let the library in `home` find and keep its graphs in `graphs`. Returns `home`."""
    cache = home / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "graphs").symlink_to(graphs)
    return home
