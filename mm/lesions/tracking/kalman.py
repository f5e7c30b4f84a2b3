"""A Kalman filter with constant velocity for boxes.

The state is centre, width and height with their velocities per frame; noise is in proportion to the
size of the box, with the constants of SORT and ByteTrack (Bewley et al. 2016, arXiv:1602.00763;
Zhang et al. 2022, arXiv:2110.06864). The four coordinates are independent, so that each has a
filter of two numbers and no matrix is inverted. Names of arrays end in their axes: 4 coordinates x,
y, width, height; 2 position and velocity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm.numerics import Float64

POSITION_NOISE, VELOCITY_NOISE = 1 / 20, 1 / 160
"""Standard deviations, as shares of the size of the box."""

Box = tuple[int, int, int, int]
"""x, y, width, height in pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class BoxState:
    """What is known of a box at a frame."""

    mean_42: Float64
    covariance_422: Float64

    @property
    def box_4(self) -> Float64:
        """x, y, width and height of the expected box; sides are at least one pixel."""
        x, y, width, height = self.mean_42[:, 0]
        width, height = max(width, 1.0), max(height, 1.0)
        return np.array([x - width / 2, y - height / 2, width, height])


def start_state(box: Box) -> BoxState:
    """The state after the first observation, at rest."""
    centre_4 = _to_centre(box)
    size = _size(centre_4)
    covariance_422 = np.zeros((4, 2, 2))
    covariance_422[:, 0, 0] = (2 * POSITION_NOISE * size) ** 2
    covariance_422[:, 1, 1] = (10 * VELOCITY_NOISE * size) ** 2
    return BoxState(np.stack([centre_4, np.zeros(4)], 1), covariance_422)


def predict_state(state: BoxState) -> BoxState:
    """The state at the next frame."""
    step_22 = np.array([[1.0, 1.0], [0.0, 1.0]])
    size = _size(state.mean_42[:, 0])
    noise_22 = np.diag([(POSITION_NOISE * size) ** 2, (VELOCITY_NOISE * size) ** 2])
    return BoxState(state.mean_42 @ step_22.T, step_22 @ state.covariance_422 @ step_22.T + noise_22)


def update_state(state: BoxState, box: Box) -> BoxState:
    """The state after an observation at the same frame."""
    observed_4 = _to_centre(box)
    variance = (POSITION_NOISE * _size(state.mean_42[:, 0])) ** 2
    gain_42 = state.covariance_422[:, :, 0] / (state.covariance_422[:, 0, 0] + variance)[:, None]
    mean_42 = state.mean_42 + gain_42 * (observed_4 - state.mean_42[:, 0])[:, None]
    covariance_422 = state.covariance_422 - gain_42[:, :, None] * state.covariance_422[:, None, 0, :]
    return BoxState(mean_42, covariance_422)


def _to_centre(box: Box) -> Float64:
    x, y, width, height = box
    return np.array([x + width / 2, y + height / 2, width, height], np.float64)


def _size(centre_4: Float64) -> float:
    """The size that noise is relative to: the mean side, at least one pixel."""
    return max(1.0, float(centre_4[2] + centre_4[3]) / 2)
