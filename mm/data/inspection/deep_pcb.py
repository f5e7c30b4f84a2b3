"""Reads DeepPCB (Tang et al. 2019): aligned pairs of a template and a tested board, with boxes.

Images are 640 x 640, about 48 pixels per millimetre; copper is dark.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mm.data.captioned_images import read_image
from mm.data.inspection.split_file import SplitItem, read_split
from mm.errors import InvalidInput
from mm.media.types import RGB
from mm.metrics.inspection.boxes import Boxes

KINDS = ("open", "short", "mousebite", "spur", "copper", "pin-hole")
"""Kinds of defects by their number in the annotation files, from 1."""


@dataclass(frozen=True, slots=True, eq=False)
class BoardPair:
    """A tested board, its template, and the boxes of its defects."""

    path: Path
    template: Path
    boxes: Boxes
    board: str
    """Layout; the layouts of dev do not occur in train."""
    group: str

    def read(self) -> tuple[RGB, RGB]:
        """Decode the tested image and the template. Raises `InvalidInput`."""
        return read_image(self.path), read_image(self.template)


def read_deep_pcb(folder: Path, split: str, protocol: str = "board") -> list[BoardPair]:
    """Pairs of one split; by default whole layouts are in one split.

    Raises `InvalidInput`, which names file and line, for an annotation that is not valid.
    """
    return [_read_pair(item) for item in read_split(folder, protocol, split)]


def _read_pair(item: SplitItem) -> BoardPair:
    template, annotation = item.file("template"), item.file("annotation")
    if template is None or annotation is None:
        raise InvalidInput(f"{item.folder / 'split.json'}: {item.name} has no template or no annotation.")
    return BoardPair(item.path, template, _read_boxes(annotation), item.text("board"), item.text("group"))


def _read_boxes(path: Path) -> Boxes:
    corners, kinds = [], []
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}.") from error
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if len(fields) != 5 or not all(field.isdecimal() for field in fields) or not 1 <= int(fields[4]) <= len(KINDS):
            raise InvalidInput(f"{path}, line {number}: expected x1 y1 x2 y2 and a kind from 1 to {len(KINDS)}, not {line!r}.")
        corners.append([int(field) for field in fields[:4]])
        kinds.append(KINDS[int(fields[4]) - 1])
    try:
        return Boxes(np.array(corners, np.float64).reshape(-1, 4), tuple(kinds))
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from error
