"""The choice between plain and relative distances on rendered defects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mm.inspection.features.framing import Framing
from mm.inspection.fit import fit_inspector
from mm.inspection.good_pixels import GoodPixels
from mm.inspection.inspector import FittedInspector
from mm.inspection.selection.separation import prefers_relative
from mm.inspection.settings import FitSettings
from mm.inspection.types import GoodImage
from mm.media.types import RGB
from mm.numerics import Float32
from tests.inspection.parts import CellBackbone, render_good_images

SETTINGS = FitSettings(backbone="cells", framing=Framing(None), bank_size=400, has_exposure_correction=False, brightness=())


def render_textures(deviations: tuple[float, ...]) -> list[GoodImage]:
    """Flat grounds with noise, each image of its own deviation in turn."""
    random = np.random.default_rng(0)
    return [
        GoodImage(
            np.clip(random.normal(120, deviations[number % len(deviations)], (96, 96, 3)), 0, 255).astype(np.uint8), str(number)
        )
        for number in range(12)
    ]


@pytest.mark.parametrize("relative", [0.5, 2.0])
def test_prefers_relative_is_what_separates_better(relative: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The difference of defects from good parts is multiplied in one kind of distance."""
    inspector = fit_inspector(render_good_images(8), "disc", CellBackbone(), replace(SETTINGS, has_relative_distances=False))
    goods = GoodPixels(render_good_images(8), inspector.settings)
    powers = (1.0, relative)

    def measure(self: FittedInspector, scaled_HWC: RGB) -> tuple[Float32, Float32]:
        distances = self.measure_distances(scaled_HWC)
        noise = np.random.default_rng(int(scaled_HWC.sum())).uniform(0, 100, distances.shape)
        first, second = (np.asarray(power * distances + noise, np.float32) for power in powers)
        return first, second

    monkeypatch.setattr(FittedInspector, "measure_both_distances", measure)
    assert prefers_relative(inspector, goods) is (relative > 1)


def test_fit_inspector_parts_of_one_kind_have_plain_distances() -> None:
    inspector = fit_inspector(render_good_images(8), "disc", CellBackbone(), SETTINGS)
    assert inspector.settings.has_relative_distances is False


@pytest.mark.parametrize("count", [1, 2])
def test_fit_inspector_few_images_have_plain_distances(count: int) -> None:
    inspector = fit_inspector(render_textures((1.0, 40.0))[:count], "ground", CellBackbone(), SETTINGS)
    assert inspector.settings.has_relative_distances is False
