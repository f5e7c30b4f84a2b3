"""Exact bounds of a proportion (Clopper and Pearson 1934, Biometrika 26)."""

from __future__ import annotations

from dataclasses import replace

import scipy

from mm.errors import InvalidInput
from mm.inspection.types import Threshold


def clopper_pearson(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Bounds of the probability behind `hits` of `trials`; (0, 1) without trials.

    Raises `InvalidInput` when there are more hits than trials or the confidence is outside (0, 1).
    """
    if not 0 <= hits <= trials or not 0 < confidence < 1:
        raise InvalidInput(f"{hits} of {trials} at a confidence of {confidence:g} have no bounds.")
    tail = (1 - confidence) / 2
    low = float(scipy.special.betaincinv(hits, trials - hits + 1, tail)) if hits else 0.0
    high = float(scipy.special.betaincinv(hits + 1, trials - hits, 1 - tail)) if hits < trials else 1.0
    return low, high


def add_observations(threshold: Threshold, false_alarms: int, confirmed_good: int) -> Threshold:
    """The threshold with the rate that was observed on parts that were later confirmed as good.

    Raises `InvalidInput` when there are more false alarms than such parts, or none of them.
    """
    if not 0 <= false_alarms <= confirmed_good or not confirmed_good:
        raise InvalidInput(f"{false_alarms} false alarms among {confirmed_good} good parts are no observation.")
    interval = clopper_pearson(false_alarms, confirmed_good)
    return replace(threshold, interval=interval, rate_observed=false_alarms / confirmed_good)
