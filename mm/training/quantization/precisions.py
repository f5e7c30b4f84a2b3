"""Quantizes a weights file, and measures on dev what each precision loses; needs no torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

from mm.data.captioned_images import load_captioned_images, read_captioned_images
from mm.evaluation.captions import Split, read_split
from mm.files import hash_file, open_atomic
from mm.models.image.efficientnet_lite import INPUT, OUTPUT
from mm.models.image.precisions import PRECISIONS_FILE, PrecisionLoss, Precisions
from mm.models.image.tower import RANGES_FILE, ImageTower
from mm.runtimes import Graph, Precision, find_runtime, load_graph
from mm.runtimes.tune import compare_vectors
from mm.training.quantization.ranges import calibrate_int8
from mm.training.quantization.rounded_graph import build_rounded_graph

BATCH, SEED = 8, 0
MEASURED_BY = {"int8": "onnxruntime-int8", "bfloat16": "rounded graph", "float16": "rounded graph"}
"""The implementation that measures each precision; every machine can run it."""

OnProgress = Callable[[str], None]
"""Called with a line of text."""


def quantize_weights(weights: Path, data: Path, cache: Path, num_images: int, on_progress: OnProgress) -> Precisions:
    """Write `int8.safetensors` and `precisions.json` beside the weights.

    Ranges are from `num_images` images of train, losses from all of dev. Raises `InvalidInput` for
    unreadable data, and `Corrupt` for a file that is not an image tower.
    """
    tower = ImageTower(weights, cache)
    rows = read_captioned_images(data, "train")
    drawn = np.random.default_rng(SEED).permutation(len(rows))[:num_images]
    tensors, digest = load_file(weights), hash_file(weights, digits=16)
    ranges = calibrate_int8(tensors, digest, load_captioned_images([rows[index] for index in drawn], tower.size), on_progress)
    with open_atomic(weights.with_name(RANGES_FILE)) as file:
        file.write(ranges.to_bytes())

    dev = read_split(data, tower.size, cache)
    exact = tower.embed(list(dev.images))
    losses: dict[Precision, PrecisionLoss] = {}
    for precision in ("bfloat16", "float16", "int8"):
        on_progress(f"dev in {precision}")
        losses[precision] = _loss(precision, _embedded(weights, cache, precision, dev), exact, dev)
    precisions = Precisions(weights=digest, pictures=len(exact), losses=losses)
    with open_atomic(weights.with_name(PRECISIONS_FILE)) as file:
        file.write(precisions.model_dump_json(indent=2).encode() + b"\n")
    return precisions


def format_losses(precisions: Precisions) -> str:
    """The losses as a Markdown table."""
    head = (
        "| precision, by | cosine | worst | text to image, R@1 lost | image to text, R@1 lost |\n| --- | --- | --- | --- | --- |"
    )
    rows = [
        f"| {name}, {loss.runtime} | {loss.cosine:.4f} | {loss.worst:.4f} | {loss.text_to_image:.2f} | {loss.image_to_text:.2f} |"
        for name, loss in precisions.losses.items()
    ]
    return "\n".join([head, *rows])


def _embedded(weights: Path, cache: Path, precision: Precision, dev: Split) -> npt.NDArray[np.float32]:
    if precision == "int8":
        return ImageTower(weights, cache, MEASURED_BY[precision]).embed(list(dev.images))
    path = cache / f"{precision}.onnx"
    path.write_bytes(build_rounded_graph(load_file(weights), dev.images.shape[1], precision))
    graph: Graph = load_graph(path, find_runtime("auto").name)
    batches = range(0, len(dev.images), BATCH)
    return np.concatenate([graph.run({INPUT: dev.images[at : at + BATCH]})[OUTPUT] for at in batches]).astype(np.float32)


def _loss(precision: Precision, vectors: npt.NDArray[np.float32], exact: npt.NDArray[np.float32], dev: Split) -> PrecisionLoss:
    before, after = dev.recall(exact), dev.recall(vectors)
    trial = compare_vectors(precision, vectors, exact)
    return PrecisionLoss(
        runtime=MEASURED_BY[precision],
        cosine=round(trial.cosine or 0.0, 5),
        worst=round(trial.worst or 0.0, 5),
        text_to_image=round(before.text_to_image[1] - after.text_to_image[1], 2),
        image_to_text=round(before.image_to_text[1] - after.image_to_text[1], 2),
    )
