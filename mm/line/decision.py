"""Verdict of a part from the verdicts of its frames.

A part fails when at least a share s of its inspected frames fail. If each frame of a good part
fails with probability at most r, the part fails with probability at most r / s, however the frames
depend on each other (Markov's inequality on the share of failing frames). With all frames required
(s = 1) the bound is r itself; with one of n frames (s = 1 / n) it is n r, Bonferroni's.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from mm.line.types import LineVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.inspection.types import Threshold, Verdict

EPSILON = 1e-9


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and, unless it is PASS, the reason in one sentence."""

    verdict: LineVerdict
    reason: str = ""


def decide(verdicts: Sequence[Verdict], min_inspected: int, fail_share: float) -> Decision:
    """Combine the verdicts of the inspected frames of one part.

    UNDECIDED when there are too few, or when undecided frames could turn a pass into a failure.
    """
    count = len(verdicts)
    if count < min_inspected:
        frames = "frame was" if count == 1 else "frames were"
        return Decision("UNDECIDED", f"{count} {frames} inspected, {min_inspected} are required.")
    num_failed, num_undecided = verdicts.count("fail"), verdicts.count("undecided")
    needed = max(1, ceil(fail_share * count - EPSILON))
    if num_failed >= needed:
        return Decision("FAIL", f"{num_failed} of {count} inspected frames fail.")
    if num_failed + num_undecided >= needed:
        return Decision("UNDECIDED", f"{num_undecided} of {count} inspected frames are undecided.")
    return Decision("PASS")


def false_alarm_bound(threshold: Threshold, fail_share: float) -> float | None:
    """Largest share of good parts that fail, at most 1; None if the frame rate is unreachable."""
    return min(1.0, threshold.rate_requested / fail_share) if threshold.is_reachable else None
