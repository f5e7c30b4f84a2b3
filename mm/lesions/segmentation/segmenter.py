"""Runs the lesion network on grey images. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from mm.errors import Corrupt, InvalidInput
from mm.files import hash_file
from mm.lesions.segmentation.architecture import BUILDER_VERSION, INPUT, LOGITS, PRESENCE
from mm.lesions.segmentation.letterbox import Grey, Letterbox
from mm.lesions.segmentation.regions import LesionRegion, find_regions
from mm.lesions.segmentation.weights import LesionConfig, read_lesions
from mm.numerics import Float32, sigmoid
from mm.runtimes import Graph, ensure_graph, find_float32_runtime, load_graph

BATCH = 4
"""Images that the network computes at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """The result for one image."""

    probability_HW: Float32
    """Probability of each pixel of the image to belong to a lesion."""
    presence: float
    """Logit that the image shows a lesion."""
    regions: tuple[LesionRegion, ...]
    """In descending order of their confidences."""


class LogitMaps(Protocol):
    """Computes logits of square grey images."""

    def __call__(self, grey_NHW: Grey) -> tuple[Float32, Float32]:
        """Logits (N, H / 2, W / 2) and presence logits (N,)."""
        ...


class LesionSegmenter:
    """Images to probabilities and regions, with the weights of one file."""

    def __init__(self, config: LesionConfig, compute: LogitMaps, version: str = "", *, mirror: bool = True) -> None:
        """`version` identifies the weights.

        With `mirror` the logits are the mean of those of the image and of its mirror image.
        """
        self.config, self.version = config, version
        self._compute, self._mirror = compute, mirror

    @classmethod
    def load(cls, weights: Path, graph_cache: Path, runtime: str = "auto", threads: int = 0) -> LesionSegmenter:
        """Load a weights file; its graph is built on first use and cached in `graph_cache`.

        Raises `Corrupt` when the file is missing or not a lesion network.
        """
        config, _ = read_lesions(weights)
        digest = hash_file(weights, digits=16)
        path = ensure_graph(graph_cache, f"lesions-{digest}-{BUILDER_VERSION}", lambda: _build(weights))
        return cls(config, GraphLogits(load_graph(path, find_float32_runtime(runtime).name, threads)), digest)

    def segment(self, images: Sequence[Grey]) -> list[Segmentation]:
        """Segment grey images, uint8 (height, width), of any sizes.

        Raises `InvalidInput` for another type or shape.
        """
        results: list[Segmentation] = []
        for start in range(0, len(images), BATCH):
            results += self._segment_batch(images[start : start + BATCH])
        return results

    def _segment_batch(self, images: Sequence[Grey]) -> list[Segmentation]:
        for image in images:
            if image.ndim != 2 or image.dtype != np.uint8 or 0 in image.shape:
                raise InvalidInput(f"A grey image must be uint8 (height, width), not {image.dtype} {image.shape}.")
        boxes = [Letterbox.fit(image.shape, self.config.size) for image in images]
        grey_NHW = np.stack([box.place(image) for box, image in zip(boxes, images, strict=True)])
        logits_NHW, presence_N = self._compute(grey_NHW)
        if self._mirror:
            mirrored_NHW, mirrored_N = self._compute(np.ascontiguousarray(grey_NHW[:, :, ::-1]))
            logits_NHW = np.asarray((logits_NHW + mirrored_NHW[:, :, ::-1]) / 2, np.float32)
            presence_N = np.asarray((presence_N + mirrored_N) / 2, np.float32)
        return [
            self._find(box.restore(np.ascontiguousarray(logits)), float(presence))
            for box, logits, presence in zip(boxes, logits_NHW, presence_N, strict=True)
        ]

    def _find(self, logits_HW: Float32, presence: float) -> Segmentation:
        config, probability_HW = self.config, sigmoid(logits_HW)
        regions = find_regions(probability_HW, presence, config.threshold, config.weak_threshold, config.confidence)
        return Segmentation(probability_HW, presence, tuple(regions))


class GraphLogits:
    """`LogitMaps` by a graph of `mm.runtimes`."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __call__(self, grey_NHW: Grey) -> tuple[Float32, Float32]:
        outputs = self._graph.run({INPUT: grey_NHW})
        return np.asarray(outputs[LOGITS], np.float32), np.asarray(outputs[PRESENCE], np.float32)


def _build(weights: Path) -> bytes:
    from onnx.checker import ValidationError
    from onnx.shape_inference import InferenceError

    from mm.lesions.segmentation.graph import build_lesion_graph

    config, arrays = read_lesions(weights)
    try:
        return build_lesion_graph(arrays, config.size)
    except KeyError as error:
        raise Corrupt(f"{weights} does not hold a lesion network: the tensor {error} is missing.") from error
    except (ValueError, ValidationError, InferenceError) as error:
        raise Corrupt(f"{weights} holds tensors that do not fit a lesion network: {error}.") from error
