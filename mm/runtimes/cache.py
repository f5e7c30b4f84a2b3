"""A cache of ONNX graphs, which are built from weights once.

The folder can be deleted: graphs are built again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mm.files import write_atomic


def ensure_graph(folder: Path, key: str, build: Callable[[], bytes], prebuild: Callable[[], None] | None = None) -> Path:
    """Path of the graph `folder/<key>.onnx`, built by `build()` when it is not cached.

    The key must contain everything that determines the bytes: hash of the weights, version of the
    builder.
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
    with suppress(OSError):  # a read-only folder, or a file that was removed in the meantime
        os.utime(path)
    return path
