"""Detection of near-duplicates by cosine: copies of an image, and other images by mistake.

Uses a weights file as it is served; needs no torch. Names of arrays end in their axes: N images, D
dimensions.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from mm.data.captioned_images import read_captioned_images, read_image
from mm.evaluation.near_duplicate_threshold import nearest_cosines
from mm.media.types import RGB
from mm.metrics.bootstrap import bootstrap
from mm.metrics.report import Measure, Report
from mm.models.image.tower import ImageTower
from mm.models.types import ImageEmbedder
from mm.spaces.types import Vectors

BATCH = 100


def _compress(image: RGB, kind: str, quality: int) -> RGB:
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def _resize(image: RGB, factor: float) -> RGB:
    height, width = image.shape[:2]
    return np.asarray(Image.fromarray(image).resize((round(width * factor), round(height * factor)), Image.Resampling.LANCZOS))


def _crop(image: RGB, share: float) -> RGB:
    rows, columns = (round(side * share) for side in image.shape[:2])
    return np.ascontiguousarray(image[rows : image.shape[0] - rows, columns : image.shape[1] - columns])


COPIES: dict[str, Callable[[RGB], RGB]] = {
    "JPEG at quality 50": lambda image: _compress(image, "JPEG", 50),
    "WebP at quality 30": lambda image: _compress(image, "WEBP", 30),
    "half the size": lambda image: _resize(image, 0.5),
    "half the size, then JPEG at quality 50": lambda image: _compress(_resize(image, 0.5), "JPEG", 50),
    "a twentieth cut off each side": lambda image: _crop(image, 0.05),
    "a tenth cut off each side": lambda image: _crop(image, 0.1),
}
"""Changes that copies of an image commonly have."""


def evaluate(weights: Path, data: Path, cache: Path, threshold: float, split: str = "dev", runtime: str = "auto") -> Report:
    """Measure the share of copies that are merged with their image, and of other images.

    Raises `InvalidInput` for unreadable data, and as `ImageTower`.
    """
    files = [row.path for row in read_captioned_images(data, split)]
    tower = ImageTower(weights, cache, runtime)
    images_ND = embed_images(tower, files, lambda image: image)
    measures = [
        Measure(f"merged: {name}", bootstrap((images_ND * embed_images(tower, files, change)).sum(1) >= threshold))
        for name, change in COPIES.items()
    ]
    measures.append(Measure("merged: another image", bootstrap(nearest_cosines(images_ND) >= threshold)))
    return Report(
        f"{len(files):,} images of {split} and their copies, near-duplicates from cosine {threshold:g} on", tuple(measures)
    )


def embed_images(tower: ImageEmbedder, files: list[Path], change: Callable[[RGB], RGB]) -> Vectors:
    """Embed changed images: unit rows (N, D). Raises `InvalidInput` as `read_image`."""
    batches = (files[first : first + BATCH] for first in range(0, len(files), BATCH))
    return np.concatenate([tower.embed([change(read_image(file)) for file in batch]) for batch in batches])
