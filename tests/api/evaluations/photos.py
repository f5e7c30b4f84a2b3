"""A rendered data set of six photos, in the layout of Flickr8k."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (200, 20, 20), "green": (20, 180, 20), "blue": (30, 30, 210)}


def write_set(folder: Path) -> None:
    """Six photos with captions; one of them is no image, another is missing."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for number, (name, colour) in enumerate([*COLOURS.items()] * 2):
        Image.fromarray(np.full((32, 32, 3), colour, np.uint8) + np.uint8(number)).save(folder / "images" / f"{number}.png")
        rows.append({"image": f"{number}.png", "captions": [f"A {name} wall .", f"Wall {number} ."], "split": "dev"})
    (folder / "images" / "4.png").write_bytes(b"no image")
    (folder / "images" / "5.png").unlink()
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
