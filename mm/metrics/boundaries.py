"""F1 of boundaries in time within a tolerance, each boundary matched at most once."""

from __future__ import annotations

from collections.abc import Sequence


def count_matches(predicted: Sequence[float], true: Sequence[float], tolerance: float) -> int:
    """Size of the largest matching of predicted and true times at most `tolerance` apart.

    Both are sorted in ascending order.
    """
    count = at = 0
    for time in predicted:
        while at < len(true) and true[at] < time - tolerance:
            at += 1
        if at < len(true) and true[at] <= time + tolerance:
            count += 1
            at += 1
    return count


def f1_score(num_matches: int, num_predicted: int, num_true: int) -> float:
    """Harmonic mean of precision and recall; 1 where nothing is predicted and nothing is true."""
    return 2 * num_matches / (num_predicted + num_true) if num_predicted + num_true else 1.0
