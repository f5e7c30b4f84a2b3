"""The image tower with its feature map: what the language model gets of an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.media.types import RGB
from mm.models.image.efficientnet_lite import INPUT, MAP_OUTPUT, OUTPUT
from mm.models.image.preprocess import resize_batch
from mm.models.image.tower import BATCH, load_image_graph, read_size
from mm.models.inputs import require_image


@dataclass(frozen=True, slots=True, eq=False)
class ImageFeatures:
    """What the tower computes of an image."""

    map_HWC: npt.NDArray[np.float32]
    """Features by place, before they are pooled. The image is stretched to the square input."""
    vector_D: npt.NDArray[np.float32]
    """The unit vector of the image in the space, as from `ImageTower.embed`."""


class ImageMapTower:
    """As `ImageTower`, in a graph of its own that has the feature map as second output.

    The graph of `ImageTower` is not changed by it.
    """

    def __init__(
        self,
        weights: Path,
        graph_cache: Path,
        runtime: str = "auto",
        threads: int = 0,
        prebuild: Callable[[], None] | None = None,
    ) -> None:
        """As `ImageTower.__init__`, and raises the same."""
        self.size = read_size(weights)
        """Side of the square input, in pixels."""
        self._graph = load_image_graph(weights, graph_cache, runtime, threads, prebuild, with_map=True)

    def encode(self, images: Sequence[RGB]) -> list[ImageFeatures]:
        """Features of images of any sizes, uint8 (height, width, 3).

        Raises `InvalidInput` for another type or shape.
        """
        for image in images:
            require_image(image)
        features: list[ImageFeatures] = []
        for start in range(0, len(images), BATCH):
            outputs = self._graph.run({INPUT: resize_batch(images[start : start + BATCH], self.size)})
            maps, vectors = outputs[MAP_OUTPUT].astype(np.float32), outputs[OUTPUT].astype(np.float32)
            features += [ImageFeatures(map_HWC, vector_D) for map_HWC, vector_D in zip(maps, vectors, strict=True)]
        return features
