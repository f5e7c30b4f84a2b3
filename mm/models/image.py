"""The image tower: pictures to unit vectors of a space, on a CPU, without torch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from mm.errors import Corrupt, InvalidInput
from mm.media.types import RGB
from mm.models.efficientnet_lite import BUILDER_VERSION, DIMENSIONS, INPUT, OUTPUT
from mm.models.image_preprocess import fit_all
from mm.runtimes import cached_graph, describe_runtime, load_graph

BATCH = 8
"""Pictures that pass through the graph at once; more gains nothing on a CPU and costs memory."""


class ImageTower:
    """An exported EfficientNet-Lite2 with its projection."""

    def __init__(self, weights: Path, graph_cache: Path, runtime: str = "auto", threads: int = 0) -> None:
        """Load `weights` (safetensors with the metadata `size`); the graph is built on first use and kept in `graph_cache`.

        Raises `Corrupt` when the file is missing or is not such a checkpoint.
        """
        self._source = weights.name
        self._runtime = runtime
        self.size = _read_size(weights)
        """Side of the square input, in pixels."""
        self.dim = DIMENSIONS
        """Length of a vector."""
        key = f"image-{_hash(weights)}-{BUILDER_VERSION}"
        path = cached_graph(graph_cache, key, lambda: _build(weights, self.size))
        self._graph = load_graph(path, runtime, threads)

    def embed(self, images: Sequence[RGB]) -> npt.NDArray[np.float32]:
        """Unit rows (N, D) of pictures of any sizes, (height, width, 3) uint8.

        Raises `InvalidInput` for an array that is no picture.
        """
        for image in images:
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
                raise InvalidInput(f"A picture must be uint8 (height, width, 3), not {image.dtype} {image.shape}.")
        batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
        rows = [self._graph.run({INPUT: fit_all(batch, self.size)})[OUTPUT] for batch in batches]
        return np.concatenate(rows).astype(np.float32) if rows else np.zeros((0, self.dim), np.float32)

    def describe(self) -> str:
        """One line for a person: network, input, runtime."""
        return f"EfficientNet-Lite2, {self.size} px, {self._source}, {describe_runtime(self._runtime)}"


def _read_size(weights: Path) -> int:
    try:
        with safe_open(weights, "numpy") as file:
            return int((file.metadata() or {})["size"])
    except (OSError, SafetensorError) as error:
        raise Corrupt(f"The weights of the image tower cannot be read from {weights}: {error}.") from error
    except (KeyError, ValueError) as error:
        raise Corrupt(f"{weights} does not say at what size its tower reads: no checkpoint of an image tower.") from error


def _hash(weights: Path) -> str:
    with weights.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _build(weights: Path, size: int) -> bytes:
    """The graph's bytes. Its builder is imported here: a process that finds the graph in the cache has no need of it."""
    from onnx.checker import ValidationError
    from onnx.shape_inference import InferenceError
    from safetensors.numpy import load_file

    from mm.models.efficientnet_lite_graph import build_graph

    try:
        return build_graph(load_file(weights), size)
    except KeyError as error:
        raise Corrupt(f"{weights} lacks the tensor {error}: no checkpoint of an image tower.") from error
    except (ValueError, ValidationError, InferenceError) as error:
        raise Corrupt(f"{weights} holds tensors that do not fit an image tower: {error}.") from error
