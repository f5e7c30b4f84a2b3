"""Graphs are built from weights once and kept in a folder; losing the folder loses nothing but the
time to build them."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mm.files import write_atomic


def ensure_graph(folder: Path, key: str, build: Callable[[], bytes], prebuild: Callable[[], None] | None = None) -> Path:
    """Path of the graph `folder/<key>.onnx`, written from `build()` when it is not there yet.

    The key must name everything the bytes depend on: the weights' hash and the builder's version.
    Several processes may call this at once: each writes its own temporary file and renames it, so
    that the path names a complete graph or nothing. `prebuild` is called first if the file is
    missing: it may build the file in another process, which saves this one the memory. The
    modification time of the file is that of its last use.
    """
    path = folder / f"{key}.onnx"
    if prebuild is not None and not path.exists():
        prebuild()
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(path, build())
    with suppress(OSError):  # a folder that may only be read, or a file that is removed just now
        os.utime(path)
    return path
