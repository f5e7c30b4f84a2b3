"""Regions of a frame that can hold text, and where they change within a shot.

A slide or a page of a screen recording replaces another without a cut, and the vectors of both are
almost equal. Text has dense edges and stands still while it is read: a region is a set of cells
with strong horizontal gradients, and a frame is selected when the cells that also stand still
differ from every frame of the shot that was selected before. No text is recognized here; this only
decides which frames the recognizer receives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from mm.spaces.encode.evidence import TextImage, TextRegions

if TYPE_CHECKING:
    from mm.media.types import RGB
    from mm.spaces.encode.evidence import EncodedFrame

CELL = 8
"""Side of a cell, in pixels of the sampled frame."""
POOL = 4
"""Side of the squares of which a cell has four; their mean brightness is compared."""
MIN_GRADIENT = 6.0
"""Least mean absolute difference of horizontal neighbours in a cell with detail, of 255."""
MAX_STILL_DIFFERENCE = 10
"""Difference of the brightness of a square, of 255, from which a cell has changed."""
MIN_CELLS = 10
"""Least number of changed cells: about a line of forty letters in full HD."""
MIN_SHARE = 0.08
"""Least share of changed cells among those with detail that stand still."""
MIN_RUN = 3
"""Cells in a row that a line of text takes at least."""
STILL_TICKS = 1.5
"""A frame that is shown longer than this many sampling intervals stood still: the sampler leaves
out frames that look the same."""


def find_text_regions(image: RGB) -> TextRegions:
    """The cells with detail of a frame (height, width, 3), and the brightness to compare."""
    gray = np.asarray(Image.fromarray(image).convert("L"), np.int16)
    rows, columns = gray.shape[0] // CELL, gray.shape[1] // CELL
    gray = gray[: rows * CELL, : columns * CELL]
    edges = np.zeros_like(gray)
    edges[:, 1:] = np.abs(np.diff(gray, axis=1))
    detail = edges.reshape(rows, CELL, columns, CELL).sum((1, 3)) >= MIN_GRADIENT * CELL * CELL
    squares = CELL // POOL
    pooled = gray.reshape(rows * squares, POOL, columns * squares, POOL).sum((1, 3)) // (POOL * POOL)
    return TextRegions(detail, pooled.astype(np.uint8))


def find_changed(before: TextRegions, after: TextRegions) -> npt.NDArray[np.bool_]:
    """Cells (rows, columns) of which a square has changed; all of them for frames of two sizes."""
    if before.brightness.shape != after.brightness.shape:
        return np.ones(after.detail.shape, np.bool_)
    rows, columns = after.detail.shape
    difference = np.abs(before.brightness.astype(np.int16) - after.brightness)
    squares = CELL // POOL
    changed: npt.NDArray[np.bool_] = difference.reshape(rows, squares, columns, squares).max((1, 3)) > MAX_STILL_DIFFERENCE
    return changed


def keep_lines(cells: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The cells (rows, columns) that are in horizontal runs of at least `MIN_RUN`.

    In moving texture single cells look unchanged now and then; a line of text is a run of cells.
    """
    count = cells.shape[1] - MIN_RUN + 1
    kept = np.zeros_like(cells)
    if count > 0:
        starts = np.logical_and.reduce([cells[:, shift : shift + count] for shift in range(MIN_RUN)])
        for shift in range(MIN_RUN):
            kept[:, shift : shift + count] |= starts
    return kept


@dataclass(frozen=True, slots=True)
class ShownFrame:
    """A sampled frame of a shot, with the time until which it is shown, in seconds."""

    time: float
    until: float
    regions: TextRegions
    still: npt.NDArray[np.bool_]
    """Cells (rows, columns) with detail that do not change until the next sampled frame."""

    @property
    def middle(self) -> float:
        return (self.time + self.until) / 2

    def has_text_of(self, other: ShownFrame) -> bool:
        """Whether the still cells of `other` look the same here, but for a small part."""
        num_changed = int((find_changed(self.regions, other.regions) & other.still).sum())
        return num_changed < max(MIN_CELLS, MIN_SHARE * int(other.still.sum()))


def list_shown_frames(frames: Sequence[EncodedFrame], end: float, interval: float) -> list[ShownFrame]:
    """The frames of a shot that ends at `end`; `interval` is the time between two samples, in s."""
    shown = []
    for frame, following in pairwise([*frames, None]):
        if frame is None or frame.regions is None:
            continue
        until = end if following is None else following.time
        still = frame.regions.detail
        if until - frame.time <= STILL_TICKS * interval:
            if following is None or following.regions is None:
                still = np.zeros_like(still)
            else:
                still = still & ~find_changed(following.regions, frame.regions)
        shown.append(ShownFrame(frame.time, until, frame.regions, keep_lines(still)))
    return shown


def select_changed_frames(frames: Sequence[ShownFrame], key: ShownFrame | None) -> list[ShownFrame]:
    """Frames of a shot whose still cells differ from those of `key` and of all selected before."""
    selected: list[ShownFrame] = []
    known = [] if key is None else [key]
    for frame in frames:
        if not any(other.has_text_of(frame) for other in known):
            selected.append(frame)
            known.append(frame)
    return selected


def measure_shown_time(frames: Sequence[ShownFrame], index: int, start: float, end: float) -> TextImage:
    """The image of frame `index`, with the time in [start, end] during which its text is shown."""
    frame = frames[index]
    first = index
    while first > 0 and frames[first - 1].has_text_of(frame):
        first -= 1
    last = index
    while last + 1 < len(frames) and frames[last + 1].has_text_of(frame):
        last += 1
    return TextImage(frame.middle, max(frames[first].time, start), min(frames[last].until, end))
