"""POD from the size of a response: a regression of log response on log size, and a threshold.

The POD at a size is the probability that the response exceeds the threshold. Bounds are by the
delta method, as in MIL-HDBK-1823A (appendix G) and ASTM E3023.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from mm.errors import InvalidInput

Z_95 = 1.6448536269514722
"""One-sided quantile 0.95 of the normal distribution."""


@dataclass(frozen=True, slots=True)
class ResponseFit:
    """log response = intercept + slope log size + normal noise of standard deviation `spread`.

    `position` and `scale` are the mean and the standard deviation of the POD curve over log size,
    `covariance` that of both.
    """

    intercept: float
    slope: float
    spread: float
    threshold: float
    position: float
    scale: float
    covariance: tuple[tuple[float, float], tuple[float, float]]

    def pod(self, size: float) -> float:
        """Probability that a defect of this size has a response above the threshold."""
        return float(ndtr((math.log(size) - self.position) / self.scale))

    def size_at(self, pod: float) -> float:
        """The size at which the curve has this POD."""
        return math.exp(self.position + float(ndtri(pod)) * self.scale)

    def upper_size_at(self, pod: float = 0.9) -> float:
        """One-sided upper bound at 95 % of the size at which the POD is `pod`; a90/95 for 0.9."""
        z = float(ndtri(pod))
        (v11, v12), (_, v22) = self.covariance
        deviation = math.sqrt(max(0.0, v11 + 2 * z * v12 + z * z * v22))
        return math.exp(self.position + z * self.scale + Z_95 * deviation)


def fit_response(sizes_N: npt.ArrayLike, responses_N: npt.ArrayLike, threshold: float) -> ResponseFit:
    """Fit responses (N,) to sizes (N,), all positive.

    Raises `InvalidInput` for other shapes or numbers, for fewer than 4 defects, and when the
    response does not grow with the size.
    """
    sizes, responses = np.asarray(sizes_N, np.float64), np.asarray(responses_N, np.float64)
    if sizes.shape != responses.shape or sizes.ndim != 1 or len(sizes) < 4:
        raise InvalidInput(f"A response curve needs at least 4 sizes and their responses; got {sizes.shape}, {responses.shape}.")
    if not (np.isfinite(sizes).all() and np.isfinite(responses).all()) or min(sizes.min(), responses.min(), threshold) <= 0:
        raise InvalidInput("Sizes, responses and the threshold of a response curve are positive numbers.")
    x, y = np.log(sizes), np.log(responses)
    terms = np.stack([np.ones_like(x), x], 1)
    if np.ptp(x) == 0:
        raise InvalidInput("A response curve needs defects of different sizes.")
    (intercept, slope), *_ = np.linalg.lstsq(terms, y, rcond=None)
    residuals = y - terms @ (intercept, slope)
    spread = math.sqrt(float(residuals @ residuals) / len(x))  # maximum likelihood
    if slope <= 0:
        raise InvalidInput("The response does not grow with the size; no POD curve follows from it.")
    inverse = np.linalg.inv(terms.T @ terms) * spread**2
    covariance = np.zeros((3, 3))
    covariance[:2, :2], covariance[2, 2] = inverse, spread**2 / (2 * len(x))
    position, scale = (math.log(threshold) - intercept) / slope, spread / slope
    jacobian = np.array([[-1 / slope, -position / slope, 0], [0, -scale / slope, 1 / slope]])
    v = jacobian @ covariance @ jacobian.T
    return ResponseFit(
        float(intercept),
        float(slope),
        spread,
        threshold,
        float(position),
        float(scale),
        ((float(v[0, 0]), float(v[0, 1])), (float(v[1, 0]), float(v[1, 1]))),
    )
