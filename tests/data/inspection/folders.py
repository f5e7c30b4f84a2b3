"""Folders in the layout of the data sets, with small rendered images."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image, ImageDraw


def write_split(folder: Path, protocol: str, splits: dict[str, list[str]], items: dict[str, dict[str, object]]) -> None:
    """Write split.json and each image and mask that the items name, 16 x 12 pixels."""
    content = {"protocols": {protocol: splits}, "items": items}
    (folder / "split.json").write_text(json.dumps(content))
    for name, item in items.items():
        _write(folder / name, Image.new("RGB", (16, 12), (90, 120, 60)))
        masks = item.get("masks", [item["mask"]] if isinstance(item.get("mask"), str) else [])
        for number, mask in enumerate(masks if isinstance(masks, list) else []):
            _write(folder / mask, render_mask(number))
        if isinstance(item.get("template"), str):
            _write(folder / str(item["template"]), Image.new("L", (16, 12), 200))


def render_mask(number: int) -> Image.Image:
    """A rectangle of 5 x 4 pixels that moves to the right with the number."""
    mask = Image.new("L", (16, 12))
    ImageDraw.Draw(mask).rectangle((1 + 6 * number, 2, 5 + 6 * number, 5), fill=255)
    return mask


def _write(path: Path, image: Image.Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
