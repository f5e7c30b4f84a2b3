"""Assigns regions of a frame to tracks by the overlap of their boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy

from mm.numerics import Float64


def measure_overlaps(first_N4: Float64, second_M4: Float64) -> Float64:
    """Intersection over union (N, M) of boxes x, y, width, height."""
    first_N14, second_1M4 = first_N4[:, None], second_M4[None]
    top_left = np.maximum(first_N14[..., :2], second_1M4[..., :2])
    bottom_right = np.minimum(first_N14[..., :2] + first_N14[..., 2:], second_1M4[..., :2] + second_1M4[..., 2:])
    common_NM = np.maximum(bottom_right - top_left, 0).prod(-1)
    union_NM = first_N14[..., 2:].prod(-1) + second_1M4[..., 2:].prod(-1) - common_NM
    overlaps_NM: Float64 = common_NM / np.maximum(union_NM, 1e-12)
    return overlaps_NM


def measure_nearness(first_N4: Float64, second_M4: Float64, max_distance: float) -> Float64:
    """1 for boxes (N, M) with one centre, falling to 0 at `max_distance` and beyond.

    The unit of distances is the mean of the two diagonals.
    """
    centre_N2, centre_M2 = (boxes[:, :2] + boxes[:, 2:] / 2 for boxes in (first_N4, second_M4))
    diagonal_N, diagonal_M = (np.hypot(boxes[:, 2], boxes[:, 3]) for boxes in (first_N4, second_M4))
    distances_NM = np.linalg.norm(centre_N2[:, None] - centre_M2[None], axis=2)
    unit_NM = np.maximum((diagonal_N[:, None] + diagonal_M[None]) / 2, 1e-12)
    return np.asarray(np.maximum(1 - distances_NM / unit_NM / max_distance, 0), np.float64)


def assign_near(tracks: Sequence[Float64], boxes: Sequence[Float64], max_distance: float) -> list[tuple[int, int]]:
    """Pairs (track, box) with the largest sum of `measure_nearness`, for cameras that jump."""
    if not tracks or not boxes:
        return []
    return _pair(measure_nearness(np.stack(tracks), np.stack(boxes), max_distance))


def assign(tracks: Sequence[Float64], boxes: Sequence[Float64], min_overlap: float) -> list[tuple[int, int]]:
    """Pairs (track, box) with the largest sum of overlaps; pairs below `min_overlap` are left out.

    Kuhn 1955, by `scipy.optimize.linear_sum_assignment`.
    """
    if not tracks or not boxes:
        return []
    overlaps_NM = measure_overlaps(np.stack(tracks), np.stack(boxes))
    # A pair that is too far apart must not take the place of one that is near enough.
    overlaps_NM = np.where(overlaps_NM >= min_overlap, overlaps_NM, 0.0)
    return _pair(overlaps_NM)


def _pair(values_NM: Float64) -> list[tuple[int, int]]:
    rows, columns = scipy.optimize.linear_sum_assignment(values_NM, maximize=True)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True) if values_NM[row, column] > 0]
