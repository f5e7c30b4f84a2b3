"""Views of ultrasound frames."""

from __future__ import annotations

import numpy as np
import pytest

from mm.errors import InvalidInput, MediaError
from mm.lesions.views import View, choose_views, mask_outside, to_grey
from mm.media.dicom import DicomInfo, UltrasoundRegion


def _info(*regions: UltrasoundRegion, bits: int = 8) -> DicomInfo:
    return DicomInfo(100, 200, 3, 0.04, "US", "1.2.840.10008.1.2.1", bits, regions)


def _region(x0: int, y0: int, x1: int, y1: int, data_type: int = 1, delta: float = 0.01) -> UltrasoundRegion:
    return UltrasoundRegion(x0, y0, x1, y1, 1, data_type, 3, 3, delta, delta)


def test_views_of_two_regions_have_a_scale_each() -> None:
    views, notes = choose_views(_info(_region(0, 10, 89, 89), _region(100, 10, 199, 89, delta=0.02), bits=12), "a.dcm")
    assert views == (View(0, 10, 90, 80, (0.1, 0.1)), View(100, 10, 100, 80, (0.2, 0.2)))
    assert len(notes) == 2


def test_views_without_regions_are_the_frame_without_a_scale() -> None:
    (view,), (note,) = choose_views(_info(), "a.dcm")
    assert (view.width, view.height, view.mm_per_px) == (200, 100, None)
    assert "no scale" in note


def test_views_of_doppler_alone_raise() -> None:
    with pytest.raises(MediaError, match="Doppler"):
        choose_views(_info(_region(0, 0, 90, 90, data_type=2)), "a.dcm")


@pytest.mark.parametrize("box", [(0, 0, 200, 50), (-1, 0, 90, 90), (0, 0, 10, 10)])
def test_views_that_do_not_fit_the_frame_raise(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(MediaError, match="does not fit"):
        choose_views(_info(_region(*box)), "a.dcm")


def test_mask_removes_what_is_outside_the_views() -> None:
    image = np.full((100, 200, 3), 200, np.uint8)
    masked = mask_outside(image, [View(10, 20, 50, 60, None)])
    assert masked.sum() == 200 * 3 * 50 * 60
    assert masked[20:80, 10:60].min() == 200


def test_grey_of_coloured_frames_raises_and_of_markers_does_not() -> None:
    image = np.full((100, 200, 3), 90, np.uint8)
    image[:5, :20] = (250, 220, 0)
    assert to_grey(image)[50, 50] == 90
    image[20:60, 20:90] = (200, 0, 0)
    with pytest.raises(InvalidInput, match="colour Doppler"):
        to_grey(image)


def test_grey_of_a_tinted_frame_is_accepted_and_its_doppler_is_not() -> None:
    grey_HW = np.random.default_rng(0).integers(20, 200, (100, 200))
    image = np.stack([grey_HW * 1.1, grey_HW * 1.0, grey_HW * 0.75], -1).astype(np.uint8)
    assert abs(int(to_grey(image)[50, 50]) - int(image[50, 50].mean())) <= 1
    image[20:60, 20:90] = (30, 30, 200)
    with pytest.raises(InvalidInput, match="colour Doppler"):
        to_grey(image)
