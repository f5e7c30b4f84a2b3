"""ONNX graphs that the libraries of a test run share."""

from __future__ import annotations

from pathlib import Path


def with_graphs(home: Path, graphs: Path) -> Path:
    """Link the graph cache of the library in `home` to the folder `graphs`. Returns `home`."""
    cache = home / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "graphs").symlink_to(graphs)
    return home
