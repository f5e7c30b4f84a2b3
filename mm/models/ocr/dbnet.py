"""Where text is: a map of chances per pixel to boxes of lines, as DBNet's authors do it, with
upright boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

PIXEL_THRESHOLD, BOX_THRESHOLD = 0.3, 0.5
"""Least chance of a pixel that belongs to a line, and least mean chance of a line."""
UNCLIP_RATIO = 1.6
"""The map shows shrunken lines: a box grows by its area times this, divided by its perimeter."""
MIN_SIDE = 3
"""Least side, in pixels of the map."""


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


def find_boxes(chances: npt.NDArray[np.float32], height: int, width: int) -> list[Box]:
    """Boxes in a picture of height and width, of which `chances` (rows, columns) is a map."""
    down, across = height / chances.shape[0], width / chances.shape[1]
    boxes: list[Box] = []
    for part in find_components(_thickened(chances > PIXEL_THRESHOLD)):
        inside = chances[part.top : part.bottom, part.left : part.right]
        rows, columns = inside.shape
        if min(rows, columns) < MIN_SIDE or float(inside[inside > PIXEL_THRESHOLD].mean()) < BOX_THRESHOLD:
            continue
        grown = part.area * UNCLIP_RATIO / (2 * (rows + columns))
        top, left = max(round((part.top - grown) * down), 0), max(round((part.left - grown) * across), 0)
        bottom = min(round((part.bottom + grown) * down), height)
        right = min(round((part.right + grown) * across), width)
        if bottom > top and right > left:
            boxes.append(Box(top, left, bottom, right))
    return boxes


def _thickened(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Each pixel with its right, lower and lower right neighbour, so that a line does not fall
    apart at a hair's breadth."""
    thick = mask.copy()
    thick[1:] |= mask[:-1]
    thick[:, 1:] |= thick[:, :-1].copy()
    return thick


def find_components(mask: npt.NDArray[np.bool_]) -> list[Box]:
    """The box around each set of pixels that touch, corners included: runs of each row, joined with
    those above by union-find."""
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
    boxes: dict[int, list[tuple[int, int, int]]] = {}
    for run, one in enumerate(runs):
        boxes.setdefault(root(run), []).append(one)
    return [Box(some[0][0], min(one[1] for one in some), some[-1][0] + 1, max(one[2] for one in some)) for some in boxes.values()]
