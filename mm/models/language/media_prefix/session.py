"""The media prefix whose networks of images and vectors run in ONNX Runtime, on one thread.

NumPy multiplies on all cores, and its threads spin while they wait for each other: beside other
programs an image took 42 ms of processor time in this way, and 1 ms on one thread.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mm.files import write_atomic
from mm.models.language.media_prefix.reference import Float, MediaPrefix
from mm.runtimes.onnxruntime_cpu import OnnxRuntimeGraph

_NETWORKS = ("map_network", "vector_network")
"""The network of times is small, and stays in NumPy."""
_VERSION = 1
"""Part of the names of cached graphs; increased when the builder gives other bytes."""


class OnnxMediaPrefix(MediaPrefix):
    """`MediaPrefix`, faster. Safe to call from several threads."""

    def __init__(self, prefix: MediaPrefix, folder: Path, key: str) -> None:
        """Load the graphs of `prefix` from a folder, to which they are written at first use.

        `key` must name its weights. Raises `Corrupt` when ONNX Runtime refuses a graph.
        """
        super().__init__(prefix.config, prefix.weights)
        self._graphs = {name: OnnxRuntimeGraph(_ensure_graph(prefix, name, folder, key), threads=1) for name in _NETWORKS}

    def _apply(self, name: str, x: Float) -> Float:
        if name not in self._graphs:
            return super()._apply(name, x)
        (embeddings,) = self._graphs[name].run({"inputs": x}).values()
        return embeddings.astype(np.float32, copy=False)


def _ensure_graph(prefix: MediaPrefix, name: str, folder: Path, key: str) -> Path:
    path = folder / f"{key}-{name}-{_VERSION}.onnx"
    if not path.exists():
        from mm.models.language.media_prefix.graph import build_network

        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(path, build_network(prefix.weights, name))
    return path
