"""What a threshold promises, in plain sentences."""

from __future__ import annotations

import math

from mm.inspection.types import Threshold


def describe_threshold(threshold: Threshold) -> str:
    """The requested rate, what it stands on, the smallest rate, and the bounds."""
    sentences = [*_describe_promise(threshold)]
    if threshold.rate_observed is not None:
        sentences.append(f"Of the parts that were later confirmed as good, {threshold.rate_observed:.1%} had failed.")
    if threshold.catches is not None:
        caught, count = threshold.catches
        parts = "part that was" if count == 1 else "parts that were"
        sentences.append(f"Of {count} {parts} later confirmed as defective, {caught} had not passed.")
    if threshold.rate_observed is not None or threshold.catches is not None:
        sentences.append("Both hold if parts were chosen for review whatever their verdict.")
    return " ".join(sentences)


def count_needed_groups(rate: float) -> int:
    """Groups of good images that a rate needs: the smallest with 1 / (groups + 1) <= `rate`."""
    return math.ceil(1 / rate - 1e-9) - 1


def _describe_promise(threshold: Threshold) -> list[str]:
    rate = threshold.rate_requested
    if threshold.has_tolerance and not threshold.is_reachable:
        return [
            "No rate of false alarms is promised: verdicts rest on the tolerance alone. "
            f"A rate of {rate:.1%} needs good images of {count_needed_groups(rate)} parts; there are {threshold.num_groups}."
        ]
    if not threshold.num_groups:
        return [
            "All good images are of one group, so none was held out: nothing can be said about false alarms, and every "
            f"verdict is undecided. A rate of {rate:.1%} needs good images of {count_needed_groups(rate)} parts."
        ]
    images = "image" if threshold.num_good == 1 else "images"
    basis = f"{threshold.num_good} held-out good {images} of {threshold.num_groups} groups"
    low, high = threshold.interval
    measured = f"On these the rate is between {low:.1%} and {high:.1%} (95 % interval)."
    if threshold.rate_observed is not None:
        measured = f"By the parts confirmed later, the rate is between {low:.1%} and {high:.1%} (95 % interval)."
    if threshold.is_reachable:
        return [
            f"At most {rate:.1%} of good parts of further groups are expected to fail, by {basis}; "
            f"the smallest rate that these allow is {threshold.smallest_rate:.1%}.",
            measured,
        ]
    return [
        f"A false-alarm rate of {rate:.1%} cannot be promised by {basis}: the smallest is {threshold.smallest_rate:.1%}, and "
        f"{rate:.1%} needs {count_needed_groups(rate)} groups. A part that scores higher than all good ones is undecided.",
        measured,
    ]
