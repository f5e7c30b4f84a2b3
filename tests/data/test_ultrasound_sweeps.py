"""Synthetic ultrasound clips."""

from __future__ import annotations

import numpy as np
import pytest

from mm.data.ultrasound_sweeps import SweepSettings, render_sweep
from mm.errors import InvalidInput
from mm.lesions.segmentation.regions import LesionRegion
from mm.lesions.tracking.tracker import track_regions
from tests.lesions.fixtures import render_lesion


def test_sweep_of_a_seed_is_reproducible_and_its_masks_lie_on_the_lesion() -> None:
    grey_HW, mask_HW = render_lesion(3)
    frames, again = list(render_sweep(grey_HW, mask_HW, 5)), list(render_sweep(grey_HW, mask_HW, 5))
    assert all(np.array_equal(a.grey_HW, b.grey_HW) for a, b in zip(frames, again, strict=True))
    assert len({frame.grey_HW.shape for frame in frames}) == 1
    for frame in frames:
        if frame.mask_HW.sum() > 50:
            assert frame.grey_HW[frame.mask_HW].mean() < 0.7 * frame.grey_HW[~frame.mask_HW].mean()


def test_sweep_loses_contact_for_the_frames_of_the_settings() -> None:
    frames = list(render_sweep(*render_lesion(3), 5, SweepSettings(num_frames=30, num_lost=3)))
    lost = [number for number, frame in enumerate(frames) if not frame.has_contact]
    assert lost == list(range(lost[0], lost[0] + 3))
    assert not any(frames[number].mask_HW.any() for number in lost)


def test_sweep_with_perfect_regions_is_one_candidate_across_the_gap() -> None:
    regions = []
    for frame in render_sweep(*render_lesion(3), 5, SweepSettings(window=0.9)):
        rows, columns = np.nonzero(frame.mask_HW)
        box = (int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1) if len(rows) > 40 else None
        found = [] if box is None else [LesionRegion(np.ones((box[3], box[2]), bool), box, np.zeros(5), 0.9, False)]
        regions.append(found)
    (candidate,) = track_regions(regions)
    assert len(candidate.regions) == sum(bool(found) for found in regions) < len(regions)


def test_sweep_with_a_mask_of_another_size_raises() -> None:
    grey_HW, mask_HW = render_lesion(3)
    with pytest.raises(InvalidInput, match="mask"):
        list(render_sweep(grey_HW, mask_HW[1:], 0))
