"""Comparison of settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mm.errors import InvalidInput
from mm.inspection.features.backbone import Backbone
from mm.inspection.features.framing import Framing
from mm.inspection.selection.choose import SHARES, choose_settings
from mm.inspection.types import GoodImage
from mm.numerics import Float32
from tests.inspection.parts import CellBackbone, render_good_images
from tests.inspection.test_fit import SETTINGS


class BlindBackbone(CellBackbone):
    """A backbone whose vectors hold next to nothing of the image."""

    name, digest = "blind", "blind-1"

    def extract(self, pixels_NHWC: np.ndarray) -> Float32:
        vectors = super().extract(pixels_NHWC)
        noise = np.random.default_rng(int(pixels_NHWC.sum())).standard_normal(vectors.shape)
        return (0.001 * vectors + noise).astype(np.float32)


def load(name: str) -> Backbone:
    return BlindBackbone() if name == "blind" else CellBackbone()


def test_choose_settings_prefers_what_separates_defects() -> None:
    candidates = [replace(SETTINGS, backbone="blind"), SETTINGS, replace(SETTINGS, framing=Framing(32))]
    trials = choose_settings(render_good_images(8), candidates, load)
    assert len(trials) == len(candidates) * len(SHARES)
    assert trials[0].settings.backbone == "cells"
    assert trials[0].settings.framing == SETTINGS.framing
    assert trials[0].auc > 0.75
    assert all(trial.auc < 0.7 for trial in trials if trial.settings.backbone == "blind")
    assert [trial.auc for trial in trials] == sorted((trial.auc for trial in trials), reverse=True)


def test_choose_settings_is_reproducible() -> None:
    first, second = (choose_settings(render_good_images(4), [SETTINGS], load) for _ in range(2))
    assert first == second


def test_choose_settings_one_group_is_refused() -> None:
    images = [GoodImage(image.image, "batch") for image in render_good_images(3)]
    with pytest.raises(InvalidInput, match="two groups"):
        choose_settings(images, [SETTINGS], load)
