"""Post-processing of DBNet (Liao et al. 2020, arXiv:1911.08947): a probability map to text boxes.

Boxes are upright, as the recognizer needs them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

PIXEL_THRESHOLD, BOX_THRESHOLD = 0.3, 0.5
"""Minimum probability of a text pixel, and minimum mean probability of the text pixels of a box."""
UNCLIP_RATIO = 1.6
"""The map shows shrunken text: a box is enlarged by its area times this, divided by its
perimeter."""
MIN_SIDE = 3
"""Minimum side of a box, in pixels of the map."""


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels [top, bottom) and [left, right)."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def area(self) -> int:
        return (self.bottom - self.top) * (self.right - self.left)


def find_boxes(probabilities: npt.NDArray[np.float32], height: int, width: int) -> list[Box]:
    """Text boxes in an image of `height` and `width`, from its probability map (rows, columns)."""
    scale_y, scale_x = height / probabilities.shape[0], width / probabilities.shape[1]
    boxes: list[Box] = []
    for component in find_components(_dilate(probabilities > PIXEL_THRESHOLD)):
        inside = probabilities[component.top : component.bottom, component.left : component.right]
        rows, columns = inside.shape
        if min(rows, columns) < MIN_SIDE or float(inside[inside > PIXEL_THRESHOLD].mean()) < BOX_THRESHOLD:
            continue
        margin = component.area * UNCLIP_RATIO / (2 * (rows + columns))
        top, left = max(round((component.top - margin) * scale_y), 0), max(round((component.left - margin) * scale_x), 0)
        bottom = min(round((component.bottom + margin) * scale_y), height)
        right = min(round((component.right + margin) * scale_x), width)
        if bottom > top and right > left:
            boxes.append(Box(top, left, bottom, right))
    return boxes


def _dilate(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Dilate by one pixel to the right and down, which closes gaps of one pixel in a line."""
    dilated = mask.copy()
    dilated[1:] |= mask[:-1]
    dilated[:, 1:] |= dilated[:, :-1].copy()
    return dilated


def find_components(mask: npt.NDArray[np.bool_]) -> list[Box]:
    """The bounding box of each 8-connected component.

    Runs of pixels in each row are merged with those of the row above by union-find.
    """
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    runs = list(zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True))
    parent = list(range(len(runs)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = parent[parent[run]]
            run = parent[run]
        return run

    above = 0
    for run, (row, start, end) in enumerate(runs):
        while runs[above][0] < row - 1 or (runs[above][0] == row - 1 and runs[above][2] < start):
            above += 1
        other = above
        while runs[other][0] == row - 1 and runs[other][1] <= end:
            parent[root(other)] = root(run)
            other += 1
    components: dict[int, list[tuple[int, int, int]]] = {}
    for run, row_start_end in enumerate(runs):
        components.setdefault(root(run), []).append(row_start_end)
    return [
        Box(members[0][0], min(start for _, start, _ in members), members[-1][0] + 1, max(end for _, _, end in members))
        for members in components.values()
    ]
