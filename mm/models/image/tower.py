"""The image tower: pictures to unit vectors of a space; on a CPU without torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from mm.errors import Corrupt, InvalidInput, Unavailable
from mm.files import hash_file
from mm.media.types import RGB
from mm.models.image.efficientnet_lite import BUILDER_VERSION, DIMENSIONS, INPUT, OUTPUT
from mm.models.image.preprocess import resize_batch
from mm.runtimes import Graph, Precision, ensure_graph, find_runtime, load_graph
from mm.runtimes.gpu import require_gpu

BATCH, GPU_BATCH = 8, 128
"""Pictures that pass through the network at once; more gains nothing on a CPU and costs memory."""
RANGES_FILE = "int8.safetensors"
"""Name of the file beside the weights with which they run in 8 bits."""


class ImageTower:
    """An EfficientNet-Lite2 with its projection: an exported graph, or with the runtime "cuda" the
    torch module."""

    def __init__(
        self,
        weights: Path,
        graph_cache: Path,
        runtime: str = "auto",
        threads: int = 0,
        prebuild: Callable[[], None] | None = None,
    ) -> None:
        """Load `weights` (safetensors with the metadata `size`); the graph is built on first use
        and kept in `graph_cache`; of `prebuild` see `mm.runtimes.ensure_graph`.

        Raises `Corrupt` when the file is missing or is not such a checkpoint, and `Unavailable`
        when this machine or these weights lack what the runtime needs.
        """
        self._runtime = find_runtime(runtime)
        self._source = weights.name
        self.size = read_size(weights)
        """Side of the square input, in pixels."""
        self.dim = DIMENSIONS
        """Length of a vector."""
        self.batch = GPU_BATCH if self._runtime.library == "torch" else BATCH
        """Pictures that are best given at once."""
        self.graph = self._load(weights, graph_cache, threads, prebuild)
        """What `embed` runs: pixels of the right size to vectors."""

    def embed(self, images: Sequence[RGB]) -> npt.NDArray[np.float32]:
        """Unit rows (N, D) of pictures of any sizes, (height, width, 3) uint8.

        Raises `InvalidInput` for an array that is no picture.
        """
        for image in images:
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
                raise InvalidInput(f"A picture must be uint8 (height, width, 3), not {image.dtype} {image.shape}.")
        batches = [images[start : start + self.batch] for start in range(0, len(images), self.batch)]
        rows = [self.graph.run({INPUT: resize_batch(batch, self.size)})[OUTPUT] for batch in batches]
        return np.concatenate(rows).astype(np.float32) if rows else np.zeros((0, self.dim), np.float32)

    def _load(self, weights: Path, graph_cache: Path, threads: int, prebuild: Callable[[], None] | None) -> Graph:
        if self._runtime.library == "torch":
            require_gpu()
            from mm.models.image.module import ImageModule

            return ImageModule.on_gpu(weights)
        path = ensure_image_graph(weights, graph_cache, self._runtime.precision, prebuild)
        return load_graph(path, self._runtime.name, threads)

    def describe(self) -> str:
        """One line for a person: network, input, runtime."""
        return f"EfficientNet-Lite2, {self.size} px, {self._source}, {self._runtime.describe()}"


def ensure_image_graph(
    weights: Path, graph_cache: Path, precision: Precision = "float32", prebuild: Callable[[], None] | None = None
) -> Path:
    """Path of the graph, built if it is not there yet. Raises as `ImageTower`."""
    size = read_size(weights)
    digest = hash_file(weights, digits=16)
    if precision != "int8":
        return ensure_graph(graph_cache, f"image-{digest}-{BUILDER_VERSION}", lambda: _build(weights, size), prebuild)
    ranges = weights.with_name(RANGES_FILE)
    if not ranges.is_file():
        raise Unavailable(f"{weights.name} has no {RANGES_FILE} beside it, without which it does not run in 8 bits.")
    key = f"image-int8-{digest}-{hash_file(ranges, digits=16)}-{BUILDER_VERSION}"
    return ensure_graph(graph_cache, key, lambda: _build(weights, size, ranges), prebuild)


def read_size(weights: Path) -> int:
    """Side of the pictures that a weights file reads. Raises `Corrupt`."""
    try:
        with safe_open(weights, "numpy") as file:
            return int((file.metadata() or {})["size"])
    except (OSError, SafetensorError) as error:
        raise Corrupt(f"The weights of the image tower cannot be read from {weights}: {error}.") from error
    except (KeyError, ValueError) as error:
        raise Corrupt(f"{weights} does not say at what size its tower reads: no checkpoint of an image tower.") from error


def _build(weights: Path, size: int, ranges: Path | None = None) -> bytes:
    """The graph's bytes. Its builder is imported here: a process that finds the graph in the cache
    has no need of it."""
    from onnx.checker import ValidationError
    from onnx.shape_inference import InferenceError
    from safetensors.numpy import load_file

    from mm.models.image.graph import build_graph
    from mm.models.image.graph_int8 import Quantization, build_quantized_graph

    quantization = None if ranges is None else Quantization.read(ranges)
    if quantization is not None and quantization.weights != hash_file(weights, digits=16):
        raise Unavailable(f"{RANGES_FILE} beside {weights.name} was made for other weights: `mm train quantize` makes it anew.")
    try:
        tensors = load_file(weights)
        return build_graph(tensors, size) if quantization is None else build_quantized_graph(tensors, size, quantization)
    except KeyError as error:
        raise Corrupt(f"{weights} lacks the tensor {error}: no checkpoint of an image tower.") from error
    except (ValueError, ValidationError, InferenceError) as error:
        raise Corrupt(f"{weights} holds tensors that do not fit an image tower: {error}.") from error
