"""Logistic POD of hits and misses, with bounds by the likelihood ratio.

POD(a) = 1 / (1 + exp(-(b0 + b1 x))), with x = log a or a. A size at which the POD is p is in the
interval when some curve through that point has a likelihood ratio below the quantile of chi-squared
with one degree of freedom. For a90/95 the quantile is that of 0.95, as in the software mh1823 of
MIL-HDBK-1823A; it leaves 2.5 % above the bound and is thus conservative.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize
from scipy.special import expit

from mm.errors import InvalidInput

Float64 = npt.NDArray[np.float64]

CHI_SQUARED_95 = 3.841458820694124
"""Quantile 0.95 of the chi-squared distribution with one degree of freedom."""
MAX_STEPS = 100
TOLERANCE = 1e-10


class NoOverlap(InvalidInput):
    """No finite curve fits: hits and misses do not overlap in size, or none of one kind exists."""


@dataclass(frozen=True, slots=True, eq=False)
class HitMissFit:
    """A fitted POD curve; sizes in the unit of the data.

    `intercept` and `slope` are b0 and b1; `log_likelihood` is that of the data at the fit.
    """

    sizes_N: Float64
    hits_N: npt.NDArray[np.bool_]
    log_size: bool
    intercept: float
    slope: float
    log_likelihood: float

    def pod(self, size: float | Float64) -> Float64:
        """Fitted probability of detection at a size, or at sizes (M,)."""
        values: Float64 = expit(self.intercept + self.slope * _covariate(np.asarray(size, np.float64), self.log_size))
        return values

    def size_at(self, pod: float) -> float:
        """The size at which the fitted curve has this POD; a90 for 0.9."""
        return self._size((_logit(pod) - self.intercept) / self.slope)

    def upper_size_at(self, pod: float = 0.9) -> float:
        """Upper bound of the size at which the POD is `pod`: a90/95 for 0.9; inf if none exists."""
        best = (_logit(pod) - self.intercept) / self.slope

        def excess(x: float) -> float:
            return 2 * (self.log_likelihood - self._profile(x, pod)) - CHI_SQUARED_95

        step = max(abs(best), 1.0) * 0.01
        upper = best + step
        while excess(upper) < 0:
            step *= 2
            upper = best + step
            if step > 1e4 * max(abs(best), 1.0):
                return math.inf
        return self._size(float(optimize.brentq(excess, best, upper, xtol=1e-10)))

    def lower_pod(self, size: float) -> float:
        """Lower bound of the POD at a size, by the same likelihood ratio."""
        x = float(_covariate(np.array(size), self.log_size))
        centre = self.intercept + self.slope * x

        def excess(logit: float) -> float:
            return 2 * (self.log_likelihood - self._profile_at(x, logit)) - CHI_SQUARED_95

        lower = centre - 1
        while excess(lower) < 0:
            lower = centre - 2 * (centre - lower)
        return float(expit(optimize.brentq(excess, lower, centre, xtol=1e-10)))

    def _size(self, x: float) -> float:
        return math.exp(x) if self.log_size else x

    def _profile(self, x: float, pod: float) -> float:
        return self._profile_at(x, _logit(pod))

    def _profile_at(self, x: float, logit: float) -> float:
        """Largest log-likelihood of the curves that have this logit at x; the slope is free."""
        offsets = _covariate(self.sizes_N, self.log_size) - x

        def likelihood_of(slope: float) -> float:
            return _log_likelihood(logit + slope * offsets, self.hits_N)

        slope = 0.0
        likelihood = likelihood_of(slope)
        for _ in range(MAX_STEPS):
            probabilities = expit(logit + slope * offsets)
            gradient = float(offsets @ (self.hits_N - probabilities))
            curvature = float((offsets**2) @ (probabilities * (1 - probabilities)))
            step = gradient / max(curvature, 1e-300)
            slope, likelihood, moved = _ascend(slope, step, likelihood, likelihood_of)
            if moved < TOLERANCE * max(1.0, abs(slope)):
                break
        return likelihood


def fit_hit_miss(sizes_N: npt.ArrayLike, hits_N: npt.ArrayLike, *, log_size: bool = True) -> HitMissFit:
    """Fit a POD curve by maximum likelihood to sizes (N,) and hits (N,).

    Raises `InvalidInput` for shapes that differ, fewer than 3 sizes, or sizes that are not positive
    with `log_size`; `NoOverlap` when hits and misses are separated by size, or one is absent: the
    slope is then infinite and a90/95 does not exist.
    """
    sizes, hits = np.asarray(sizes_N, np.float64), np.asarray(hits_N, bool)
    if sizes.shape != hits.shape or sizes.ndim != 1 or len(np.unique(sizes)) < 3:
        raise InvalidInput(f"A POD curve needs at least 3 sizes, and as many hits; got {sizes.shape}, {hits.shape}.")
    if not np.isfinite(sizes).all() or (log_size and (sizes <= 0).any()):
        raise InvalidInput("The sizes of a POD curve are positive numbers.")
    if hits.all() or not hits.any() or sizes[hits].min() >= sizes[~hits].max():
        raise NoOverlap(
            f"{int(hits.sum())} of {len(hits)} defects were hit, and no miss is larger than a hit: a POD curve needs sizes "
            "of which some are hit and some are missed. Add defects between the largest miss and the smallest hit."
        )
    x = _covariate(sizes, log_size)
    centre, spread = float(x.mean()), float(x.std())
    terms = np.stack([np.ones_like(x), (x - centre) / spread], 1)
    beta = np.zeros(2)
    likelihood = _log_likelihood(terms @ beta, hits)
    for _ in range(MAX_STEPS):  # Newton's method, with the step halved until the likelihood rises
        probabilities = expit(terms @ beta)
        information = (terms * (probabilities * (1 - probabilities))[:, None]).T @ terms
        step = np.linalg.solve(information, terms.T @ (hits - probabilities))
        share = 1.0
        while (raised := _log_likelihood(terms @ (beta + share * step), hits)) < likelihood and share > 1e-8:
            share /= 2
        beta, likelihood = beta + share * step, max(raised, likelihood)
        if float(np.abs(share * step).max()) < TOLERANCE * max(1.0, float(np.abs(beta).max())):
            break
    slope = float(beta[1]) / spread
    if slope <= 0:
        raise NoOverlap("Larger defects are not detected more often than smaller ones: no POD curve rises with the size.")
    return HitMissFit(sizes, hits, log_size, float(beta[0]) - slope * centre, slope, likelihood)


def _ascend(value: float, step: float, likelihood: float, evaluate: Callable[[float], float]) -> tuple[float, float, float]:
    """The value after the largest of step, step / 2, ... that does not lower the likelihood."""
    share = 1.0
    while share > 1e-8:
        raised = evaluate(value + share * step)
        if raised >= likelihood:
            return value + share * step, raised, abs(share * step)
        share /= 2
    return value, likelihood, 0.0


def _covariate(sizes: Float64, log_size: bool) -> Float64:
    return np.log(sizes) if log_size else sizes


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def _log_likelihood(logits_N: Float64, hits_N: npt.NDArray[np.bool_]) -> float:
    return -float(np.logaddexp(0, np.where(hits_N, -logits_N, logits_N)).sum())
