"""Graphs are built from weights once and kept in a folder; losing the folder loses nothing but the
time to build them."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mm.files import write_atomic


def cached_graph(folder: Path, key: str, build: Callable[[], bytes], apart: Callable[[], None] | None = None) -> Path:
    """Path of the graph `folder/<key>.onnx`, written from `build()` when it is not there yet.

    The key must name everything the bytes depend on: the weights' hash and the builder's version.
    Several processes may ask at once: each writes a file of its own and renames it, so that a
    reader sees a whole graph or none. `apart` is asked first: it may have another process make the
    file, and spare this one the memory. The time of the file says when it was last asked for.
    """
    path = folder / f"{key}.onnx"
    if apart is not None and not path.exists():
        apart()
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(path, build())
    with suppress(OSError):  # a folder that may only be read, or a file that is removed just now
        os.utime(path)
    return path
