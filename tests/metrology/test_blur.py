"""Relations of sizes before and after blur, compared with blurring by convolution."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from mm.metrology.blur import FWHM, SMALLEST, deblur, deblur_disc, deblur_slit, disc_widths, slit_widths


def width_at_half(profile, step: float) -> float:
    """Width of the part of a symmetric profile above half of its peak."""
    above = np.flatnonzero(profile > profile.max() / 2)
    first, last = above[0], above[-1]
    half = profile.max() / 2
    start = first - (profile[first] - half) / (profile[first] - profile[first - 1])
    end = last + (profile[last] - half) / (profile[last] - profile[last + 1])
    return (end - start) * step


@pytest.mark.parametrize("size", [1.0, 2.5, 6.0])
def test_deblur_slit_inverts_a_convolution(size: float) -> None:
    x = np.arange(-15, 15, 0.01)
    blurred = ndimage.gaussian_filter1d((np.abs(x) < size / 2).astype(float), 100)
    assert deblur_slit(width_at_half(blurred, 0.01), 1.0) == pytest.approx(size, rel=0.02)


@pytest.mark.parametrize("size", [1.5, 3.0, 7.0])
def test_deblur_disc_inverts_a_convolution(size: float) -> None:
    y, x = np.mgrid[-160:161, -160:161] / 20
    blurred = ndimage.gaussian_filter((np.hypot(x, y) < size / 2).astype(float), 20)
    assert deblur_disc(width_at_half(blurred[160], 0.05), 1.0) == pytest.approx(size, rel=0.03)


def test_blurred_widths_rise_from_that_of_a_gaussian() -> None:
    for widths in (slit_widths(), disc_widths()):
        assert (np.diff(widths) > 0).all()
        assert widths[0] == pytest.approx(FWHM, rel=0.01)


def test_deblur_is_continuous_and_scales_with_the_blur() -> None:
    widths = np.linspace(2.3, 14, 500)
    for aspect in (1.0, 1.6, 4.0):
        sizes = np.array([deblur(width, 1.0, aspect) for width in widths])
        assert (np.diff(sizes) >= 0).all()
        assert np.diff(sizes)[50:].max() < 0.06
        assert deblur(8.0, 2.0, aspect) == pytest.approx(2 * deblur(4.0, 1.0, aspect))


def test_deblur_of_less_than_any_blurred_width_is_the_smallest_size() -> None:
    assert deblur(1.0, 1.0, 5.0) == pytest.approx(SMALLEST)
    assert deblur(3.0, 0.0, 1.0) == 3.0


def test_deblur_disc_of_a_large_disc_adds_the_shift_of_its_edge() -> None:
    assert deblur_disc(100.0, 2.0) == pytest.approx(100 + 2 * 4 / 100)
    assert math.isclose(deblur_slit(100.0, 2.0), 100.0)
