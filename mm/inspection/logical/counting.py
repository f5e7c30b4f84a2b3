"""Counts copies of an example in a region: normalized correlation and non-maximum suppression.

The limit of a match is fitted: halfway between the weakest copy and the strongest other place of
the good images, whose number of copies is known. Names of arrays end in their axes: H height, W
width, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from mm.errors import InvalidInput
from mm.inspection.types import Mask
from mm.media.types import RGB
from mm.numerics import Float32

MIN_GAP = 0.05
"""Smallest distance between the correlations of copies and of other places."""
OVERLAP = 0.5
"""Share of a side of the example by which two copies lie apart at least, in one direction."""


def list_matches(image_HWC: RGB, example_HWC: RGB, region_HW: Mask, limit: int) -> list[tuple[float, int, int]]:
    """At most `limit` matches (correlation, left, top), the strongest first, that do not overlap.

    Only those whose centre is in the region. Correlations are from -1 to 1.
    """
    height, width = example_HWC.shape[:2]
    rows, columns = np.nonzero(region_HW)
    top, left = max(int(rows.min()) - height // 2, 0), max(int(columns.min()) - width // 2, 0)
    window_HWC = image_HWC[top : int(rows.max()) + 1 + height, left : int(columns.max()) + 1 + width]
    if window_HWC.shape[0] < height or window_HWC.shape[1] < width:
        return []
    correlation_HW = _correlate(window_HWC, example_HWC)
    centre_rows = np.arange(correlation_HW.shape[0]) + top + height // 2
    centre_columns = np.arange(correlation_HW.shape[1]) + left + width // 2
    correlation_HW[~region_HW[np.ix_(centre_rows, centre_columns)]] = -2
    matches: list[tuple[float, int, int]] = []
    reach = max(int(height * OVERLAP), 1), max(int(width * OVERLAP), 1)
    while len(matches) < limit:
        row, column = np.unravel_index(int(correlation_HW.argmax()), correlation_HW.shape)
        value = float(correlation_HW[row, column])
        if value <= -1.5:
            break
        matches.append((value, int(column) + left, int(row) + top))
        rows_near = slice(max(int(row) - reach[0], 0), int(row) + reach[0] + 1)
        correlation_HW[rows_near, max(int(column) - reach[1], 0) : int(column) + reach[1] + 1] = -2
    return matches


def _correlate(window_HWC: RGB, example_HWC: RGB) -> Float32:
    """Correlation of the example with each place; 0 where the image has a single colour."""
    correlation_HW = cv2.matchTemplate(window_HWC, example_HWC, cv2.TM_CCOEFF_NORMED)
    # Places without contrast divide rounding errors by each other.
    usable_HW = np.isfinite(correlation_HW) & (np.abs(correlation_HW) <= 1 + 1e-3)
    return np.where(usable_HW, correlation_HW, 0).astype(np.float32)


def fit_limit(matches: Sequence[Sequence[tuple[float, int, int]]], count: int, name: str) -> float:
    """The correlation from which a place is a copy, from the matches of each good image.

    Raises `InvalidInput` when the copies of a good image are not stronger than the other places.
    """
    weakest, strongest_other = 1.0, 0.0
    for index, found in enumerate(matches, 1):
        if len(found) < count:
            raise InvalidInput(f"Good image {index} has room for {len(found)} copies in the region {name}, not for {count}.")
        weakest = min(weakest, found[count - 1][0])
        strongest_other = max([strongest_other, *(value for value, _, _ in found[count : count + 1])])
    if weakest - strongest_other < MIN_GAP:
        raise InvalidInput(
            f"In the region {name} the {count} copies cannot be separated from other places: the weakest copy correlates "
            f"{weakest:.2f} with the example, another place {strongest_other:.2f}. Mark another example or another region."
        )
    return (weakest + strongest_other) / 2
