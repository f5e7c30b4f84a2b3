"""The score of an image: the mean of the largest share of its patches.

The largest patch alone depends on one place; a mean over the largest share is steadier, and the
better measure on every set that was tried (docs/inspection.md). A `ScoreRule` can compare two
shares, one for small defects and one for defects that cover much of a part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm.numerics import Float32, Float64


def mean_of_largest(distances_NF: Float32, share: float) -> Float64:
    """Means (F,) of the largest `share` of each column, of at least one row."""
    count = max(1, round(share * len(distances_NF)))
    largest_NF = np.partition(distances_NF, len(distances_NF) - count, axis=0)[len(distances_NF) - count :]
    return np.asarray(largest_NF.mean(0, dtype=np.float64))


SHARPNESS = 2.0
"""Of the smooth maximum of two means, in their standard deviations; it differs from the larger one
by at most log(2) / 2."""


@dataclass(frozen=True, slots=True)
class ScoreRule:
    """How the score of an image follows from the anomalies of its patches."""

    share: float
    """Share of the patches whose mean is the score, or the first of two means."""
    wide_share: float = 0.0
    """Share of the second mean; 0 for none."""
    zeros: tuple[float, float] = (0.0, 0.0)
    units: tuple[float, float] = (1.0, 1.0)
    """Median and standard deviation of both means over good images; not used for one mean."""

    def score(self, anomaly_N: Float32) -> float:
        """The mean of the largest patches, or the smooth maximum of two such means."""
        first = float(mean_of_largest(anomaly_N[:, None], self.share)[0])
        if not self.wide_share:
            return first
        second = float(mean_of_largest(anomaly_N[:, None], self.wide_share)[0])
        return float(self.join(np.array([first]), np.array([second]))[0])

    def join(self, first_E: Float64, second_E: Float64) -> Float64:
        """Scores (E,) from both means of images."""
        if not self.wide_share:
            return first_E
        one_E, two_E = (
            SHARPNESS * (mean_E - zero) / unit
            for mean_E, zero, unit in zip((first_E, second_E), self.zeros, self.units, strict=True)
        )
        return np.asarray(np.logaddexp(one_E, two_E) / SHARPNESS, np.float64)
