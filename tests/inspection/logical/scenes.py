"""Rendered scenes: a plate with a part, and a row of equal screws."""

from __future__ import annotations

import json

import cv2
import numpy as np

from mm.inspection.logical.regions import NamedRegion, parse_regions
from mm.inspection.types import GoodImage
from mm.media.types import RGB

HEIGHT, WIDTH = 180, 240
SCREWS = (40, 90, 140, 190)
"""Columns of the centres of the screws, in row 140."""
REGIONS = json.dumps(
    [
        {"name": "chip", "polygon": [[56, 32], [104, 32], [104, 88], [56, 88]]},
        {"name": "label", "box": [150, 30, 60, 40]},
        {"name": "screws", "box": [16, 120, 208, 40], "count": 4, "example": [28, 128, 25, 25]},
    ]
)


def render_scene(
    seed: int,
    *,
    has_chip: bool = True,
    screws: tuple[int, ...] = SCREWS,
    shift: tuple[float, float] = (0, 0),
    degrees: float = 0.0,
) -> RGB:
    """A scene; scenes differ in noise and brightness."""
    random = np.random.default_rng(seed)
    image = np.full((HEIGHT, WIDTH, 3), (90, 110, 100), np.uint8)
    cv2.rectangle(image, (6, 6), (233, 173), (60, 80, 70), 3)
    if has_chip:
        cv2.rectangle(image, (60, 36), (100, 84), (30, 30, 35), -1)
        cv2.circle(image, (68, 44), 4, (220, 220, 220), -1)
    cv2.rectangle(image, (150, 30), (209, 69), (230, 225, 200), -1)
    cv2.putText(image, "A7", (158, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (40, 40, 40), 2)
    for column in screws:
        cv2.circle(image, (column, 140), 10, (190, 190, 195), -1)
        cv2.line(image, (column - 7, 140), (column + 7, 140), (70, 70, 75), 3)
        cv2.line(image, (column, 133), (column, 147), (70, 70, 75), 3)
    matrix = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), degrees, 1.0)
    matrix[:, 2] += shift
    image = cv2.warpAffine(image, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    image = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 0.8) * random.uniform(0.95, 1.05) + random.normal(
        0, 3, image.shape
    )
    return np.clip(image, 0, 255).astype(np.uint8)


def parse_scene_regions() -> tuple[NamedRegion, ...]:
    return parse_regions(REGIONS)


def render_good_scenes(count: int) -> list[GoodImage]:
    """Good scenes, each a group of its own, a little shifted and turned."""
    return [
        GoodImage(render_scene(seed, shift=(seed % 3 * 1.7, seed % 2 * -2.3), degrees=seed % 4 * 0.6), f"part {seed}")
        for seed in range(count)
    ]
