"""Verdict of a part from its frames."""

from __future__ import annotations

import numpy as np
import pytest

from mm.inspection.types import Threshold, Verdict
from mm.line.decision import decide, false_alarm_bound


@pytest.mark.parametrize(
    ("frames", "share", "verdict"),
    [
        (["pass", "pass"], 0.5, "PASS"),
        (["fail", "pass"], 0.5, "FAIL"),
        (["fail", "pass", "pass"], 0.5, "PASS"),
        (["fail", "pass", "pass"], 1 / 3, "FAIL"),
        (["undecided", "pass"], 0.5, "UNDECIDED"),
        (["undecided", "pass", "pass"], 0.5, "PASS"),
        ([], 0.5, "UNDECIDED"),
    ],
)
def test_decide_share_of_failing_frames_gives_verdict(frames: list[Verdict], share: float, verdict: str) -> None:
    decision = decide(frames, 1, share)
    assert decision.verdict == verdict
    assert bool(decision.reason) == (verdict != "PASS")


def test_decide_fewer_frames_than_required_is_undecided() -> None:
    assert decide(["pass", "pass"], 3, 0.5).verdict == "UNDECIDED"


def test_false_alarm_bound_dependent_frames_holds() -> None:
    """The worst case of Markov's inequality: all frames of a part fail together, or none does."""
    random, rate, share, parts, frames = np.random.default_rng(5), 0.05, 0.25, 20_000, 8
    bound = false_alarm_bound(Threshold(0.5, rate, 40, 40, 1 / 41, (0.0, 0.1)), share)
    assert bound == pytest.approx(0.2)
    # A fifth of the parts has exactly a quarter of failing frames: each frame fails at the rate.
    is_bad = random.random(parts) < rate / share
    verdicts: list[list[Verdict]] = [["fail"] * 2 + ["pass"] * (frames - 2) if bad else ["pass"] * frames for bad in is_bad]
    observed = np.mean([decide(part, 1, share).verdict == "FAIL" for part in verdicts])
    assert observed == pytest.approx(bound, abs=0.01)


def test_false_alarm_bound_unreachable_rate_is_none() -> None:
    assert false_alarm_bound(Threshold(0.5, 0.05, 8, 8, 1 / 9, (0.0, 0.4)), 1.0) is None
