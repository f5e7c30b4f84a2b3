"""Duration of bootstrap intervals: sums of groups in matrix products, and rows repeated."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mm.metrics.bootstrap import NUM_SAMPLES, Interval, bootstrap_means, bootstrap_rows

NUM_MEASURES = 5
"""Of a retrieval run: three recalls, median rank and mAP@5; here all are means."""


@dataclass(frozen=True, slots=True)
class ResamplingTiming:
    """Seconds of the intervals of all measures."""

    num_rows: int
    num_groups: int
    num_samples: int
    seconds: float
    plain_seconds: float
    """Of `bootstrap_rows`, the reference implementation."""
    largest_difference: float
    """Between the ends of the intervals of both."""


def measure_resampling(num_rows: int, rows_per_group: int, seed: int = 0) -> ResamplingTiming:
    """Time the intervals of the means of random shares, whole groups sampled, in both ways."""
    values_QK = (np.random.default_rng(seed).random((num_rows, NUM_MEASURES)) < 0.5).astype(np.float64)
    groups_Q = np.arange(num_rows) // rows_per_group
    fast, seconds = _time(lambda: bootstrap_means(values_QK, groups_Q))
    plain, plain_seconds = _time(lambda: bootstrap_rows(num_rows, groups_Q, lambda rows: values_QK[rows].mean(0)))
    differences = [max(abs(a.low - b.low), abs(a.high - b.high)) for a, b in zip(fast, plain, strict=True)]
    num_groups = int(groups_Q[-1]) + 1
    return ResamplingTiming(num_rows, num_groups, NUM_SAMPLES, seconds, plain_seconds, max(differences))


def _time(compute: Callable[[], list[Interval]]) -> tuple[list[Interval], float]:
    start = time.perf_counter()
    intervals = compute()
    return intervals, time.perf_counter() - start
