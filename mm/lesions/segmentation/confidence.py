"""How likely a region is to mark a lesion, from what the network computes in and around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm.numerics import Float64, sigmoid

NUM_FEATURES = 5
_CLIP = 1e-4


@dataclass(frozen=True, slots=True)
class RegionConfidence:
    """A logistic regression on `describe_region`; the default passes the mean logit on."""

    weights: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 0.0)
    bias: float = 0.0

    def __post_init__(self) -> None:
        """Raises `ValueError` for another number of weights or values that are not finite."""
        if len(self.weights) != NUM_FEATURES or not np.isfinite([*self.weights, self.bias]).all():
            raise ValueError(f"The confidence of regions needs {NUM_FEATURES} finite weights, not {self.weights}.")

    def predict(self, features_NF: Float64) -> Float64:
        """Probabilities (N,) that regions mark a lesion."""
        return sigmoid(np.asarray(features_NF @ np.array(self.weights) + self.bias, np.float64))


def describe_region(probabilities: Float64, share: float, presence: float) -> Float64:
    """The features (5,) of a region.

    `probabilities` are those of its pixels, `share` is its share of the image, and `presence` the
    logit that the image shows a lesion. The features are the log odds of the mean and of the 95th
    percentile, the logarithm of the share and its square, and the presence.
    """
    mean, high = np.clip([probabilities.mean(), np.quantile(probabilities, 0.95)], _CLIP, 1 - _CLIP)
    size = np.log(max(share, 1e-6)) + 4.0  # around 0 for the usual region
    return np.array([np.log(mean / (1 - mean)), np.log(high / (1 - high)), size, size * size, presence])
