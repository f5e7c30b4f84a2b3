"""How well near-duplicates are told from pictures that only resemble each other, by the cosine of a
weights file as it is served.

Needs no torch. Names of arrays end in their axes: N pictures, D dimensions.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from mm.data.captioned_images import read_captioned_images
from mm.errors import InvalidInput
from mm.evaluation.near_duplicate_threshold import nearest_cosines
from mm.media.types import RGB
from mm.metrics.bootstrap import bootstrap
from mm.metrics.report import Measure, Report
from mm.models.image.tower import ImageTower
from mm.models.types import ImageEmbedder
from mm.spaces.types import Vectors

BATCH = 100


def _coded(picture: RGB, kind: str, quality: int) -> RGB:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind, quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def _sized(picture: RGB, share: float) -> RGB:
    height, width = picture.shape[:2]
    return np.asarray(Image.fromarray(picture).resize((round(width * share), round(height * share)), Image.Resampling.LANCZOS))


def _cut(picture: RGB, share: float) -> RGB:
    rows, columns = (round(side * share) for side in picture.shape[:2])
    return picture[rows : picture.shape[0] - rows, columns : picture.shape[1] - columns]


COPIES: dict[str, Callable[[RGB], RGB]] = {
    "JPEG at quality 50": lambda picture: _coded(picture, "JPEG", 50),
    "WebP at quality 30": lambda picture: _coded(picture, "WEBP", 30),
    "half the size": lambda picture: _sized(picture, 0.5),
    "half the size, then JPEG at quality 50": lambda picture: _coded(_sized(picture, 0.5), "JPEG", 50),
    "a twentieth cut off each side": lambda picture: np.ascontiguousarray(_cut(picture, 0.05)),
    "a tenth cut off each side": lambda picture: np.ascontiguousarray(_cut(picture, 0.1)),
}
"""What becomes of a picture that is sent around."""


def evaluate(weights: Path, data: Path, cache: Path, alike: float, split: str = "dev", runtime: str = "auto") -> Report:
    """Shares of copies that are folded into their picture, and of pictures that another picture
    would be folded into.

    Raises `InvalidInput` for data that cannot be read, and as `ImageTower`.
    """
    files = [row.path for row in read_captioned_images(data, split)]
    tower = ImageTower(weights, cache, runtime)
    pictures_ND = embedded(tower, files, lambda picture: picture)
    measures = [
        Measure(f"folded: {name}", bootstrap((pictures_ND * embedded(tower, files, change)).sum(1) >= alike))
        for name, change in COPIES.items()
    ]
    measures.append(Measure("folded: another picture", bootstrap(nearest_cosines(pictures_ND) >= alike)))
    return Report(f"{len(files):,} pictures of {split} and their copies, alike from cosine {alike:g} on", tuple(measures))


def embedded(tower: ImageEmbedder, files: list[Path], change: Callable[[RGB], RGB]) -> Vectors:
    """(N, D) vectors of pictures, each changed first."""
    batches = (files[first : first + BATCH] for first in range(0, len(files), BATCH))
    return np.concatenate([tower.embed([change(_read(file)) for file in batch]) for batch in batches])


def _read(path: Path) -> RGB:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read as a picture: {error}.") from error
