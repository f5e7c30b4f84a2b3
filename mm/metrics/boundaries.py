"""How well boundaries in time are met: precision, recall and F1 within a tolerance, each boundary
matched once."""

from __future__ import annotations

from collections.abc import Sequence


def matched(found: Sequence[float], right: Sequence[float], tolerance: float) -> int:
    """How many pairs there are of a found and a right time at most `tolerance` apart, each time in
    one pair; both ascend."""
    count = at = 0
    for time in found:
        while at < len(right) and right[at] < time - tolerance:
            at += 1
        if at < len(right) and right[at] <= time + tolerance:
            count += 1
            at += 1
    return count


def f1(pairs: int, found: int, right: int) -> float:
    """The harmonic mean of precision and recall; 1 where there was nothing to find and nothing
    was."""
    return 2 * pairs / (found + right) if found + right else 1.0
