"""The image tower: images to unit vectors of a space. On a CPU it needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from mm.errors import Corrupt, Unavailable
from mm.files import hash_file
from mm.media.types import RGB
from mm.models.image.efficientnet_lite import BUILDER_VERSION, DIMENSIONS, INPUT, OUTPUT
from mm.models.image.preprocess import resize_batch
from mm.models.inputs import require_image
from mm.runtimes import Graph, Precision, ensure_graph, find_runtime, load_graph
from mm.runtimes.gpu import require_gpu

BATCH, GPU_BATCH = 8, 128
"""Images of a batch. A larger batch is no faster on a CPU and costs memory."""
RANGES_FILE = "int8.safetensors"
"""File beside the weights that holds the `Quantization` for 8 bits."""


class ImageTower:
    """EfficientNet-Lite2 with its projection.

    It runs as an ONNX graph, or as a torch module with the runtime "cuda".
    """

    def __init__(
        self,
        weights: Path,
        graph_cache: Path,
        runtime: str = "auto",
        threads: int = 0,
        prebuild: Callable[[], None] | None = None,
    ) -> None:
        """Load `weights`, safetensors with the metadata `size`.

        The graph is built on first use and cached in `graph_cache`; for `prebuild` see
        `mm.runtimes.ensure_graph`.

        Raises `Corrupt` when the file is missing or not such a checkpoint, and `Unavailable` when
        this machine or these weights lack what the runtime needs.
        """
        self._runtime = find_runtime(runtime)
        self._source = weights.name
        self.size = read_size(weights)
        """Side of the square input, in pixels."""
        self.dim = DIMENSIONS
        """Length of a vector."""
        self.batch = GPU_BATCH if self._runtime.library == "torch" else BATCH
        """The number of images that `embed` encodes at once."""
        self.graph = load_image_graph(weights, graph_cache, runtime, threads, prebuild)
        """Maps pixels (N, size, size, 3) to vectors (N, D)."""

    def embed(self, images: Sequence[RGB]) -> npt.NDArray[np.float32]:
        """Unit rows (N, D) of images of any sizes, uint8 (height, width, 3).

        Raises `InvalidInput` for another type or shape.
        """
        for image in images:
            require_image(image)
        batches = [images[start : start + self.batch] for start in range(0, len(images), self.batch)]
        rows = [self.graph.run({INPUT: resize_batch(batch, self.size)})[OUTPUT] for batch in batches]
        return np.concatenate(rows).astype(np.float32) if rows else np.zeros((0, self.dim), np.float32)

    def describe(self) -> str:
        """One line: network, input size, weights, runtime."""
        return f"EfficientNet-Lite2, {self.size} px, {self._source}, {self._runtime.describe()}"


def load_image_graph(
    weights: Path,
    graph_cache: Path,
    runtime: str,
    threads: int,
    prebuild: Callable[[], None] | None = None,
    *,
    with_map: bool = False,
) -> Graph:
    """Load the graph of the tower, with the output `feature_map` if `with_map`.

    Raises as `ImageTower`.
    """
    found = find_runtime(runtime)
    if found.library == "torch":
        require_gpu()
        from mm.models.image.torch_graph import TorchImageGraph

        return TorchImageGraph.on_gpu(weights, with_map=with_map)
    path = ensure_image_graph(weights, graph_cache, found.precision, prebuild, with_map=with_map)
    return load_graph(path, found.name, threads)


def ensure_image_graph(
    weights: Path,
    graph_cache: Path,
    precision: Precision = "float32",
    prebuild: Callable[[], None] | None = None,
    *,
    with_map: bool = False,
) -> Path:
    """Path of the ONNX graph, built if it is not cached. Raises as `ImageTower`."""
    size = read_size(weights)
    name, digest = "image-map" if with_map else "image", hash_file(weights, digits=16)
    if precision != "int8":
        key = f"{name}-{digest}-{BUILDER_VERSION}"
        return ensure_graph(graph_cache, key, lambda: _build(weights, size, with_map), prebuild)
    ranges = weights.with_name(RANGES_FILE)
    if not ranges.is_file():
        raise Unavailable(f"There is no {RANGES_FILE} beside {weights.name}, which 8 bits need: `mm train quantize` makes it.")
    key = f"{name}-int8-{digest}-{hash_file(ranges, digits=16)}-{BUILDER_VERSION}"
    return ensure_graph(graph_cache, key, lambda: _build(weights, size, with_map, ranges), prebuild)


def read_size(weights: Path) -> int:
    """Side of the input in pixels, from the metadata of a weights file. Raises `Corrupt`."""
    try:
        with safe_open(weights, "numpy") as file:
            return int((file.metadata() or {})["size"])
    except (OSError, SafetensorError) as error:
        raise Corrupt(f"The weights of the image tower cannot be read from {weights}: {error}.") from error
    except (KeyError, ValueError) as error:
        raise Corrupt(f"{weights} is not a checkpoint of an image tower: its metadata has no valid `size`.") from error


def _build(weights: Path, size: int, with_map: bool, ranges: Path | None = None) -> bytes:
    """The bytes of the graph. The builder, which needs onnx, is imported only when it is used."""
    from onnx.checker import ValidationError
    from onnx.shape_inference import InferenceError
    from safetensors.numpy import load_file

    from mm.models.image.graph import build_graph
    from mm.models.image.graph_int8 import Quantization, build_quantized_graph

    quantization = None if ranges is None else Quantization.read(ranges)
    if quantization is not None and quantization.weights != hash_file(weights, digits=16):
        raise Unavailable(f"{RANGES_FILE} beside {weights.name} belongs to other weights: `mm train quantize` makes a new one.")
    try:
        tensors = load_file(weights)
        if quantization is None:
            return build_graph(tensors, size, with_map=with_map)
        return build_quantized_graph(tensors, size, quantization, with_map=with_map)
    except KeyError as error:
        raise Corrupt(f"{weights} is not a checkpoint of an image tower: the tensor {error} is missing.") from error
    except (ValueError, ValidationError, InferenceError) as error:
        raise Corrupt(f"{weights} holds tensors that do not fit an image tower: {error}.") from error
