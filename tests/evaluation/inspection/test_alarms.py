"""False alarms on unseen groups, and vectors that are computed once."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mm.data.inspection.types import MarkedImage
from mm.errors import InvalidInput
from mm.evaluation.inspection.alarms import CachedBackbone, evaluate_false_alarms
from mm.inspection.fit import fit_inspector
from mm.inspection.inspector import FittedInspector
from mm.inspection.types import GoodImage
from mm.media.types import RGB
from mm.numerics import Float32
from tests.inspection.parts import CellBackbone, render_part
from tests.inspection.test_fit import SETTINGS


class CountingBackbone(CellBackbone):
    def __init__(self) -> None:
        self.calls = 0

    def extract(self, pixels_NHWC: RGB) -> Float32:
        self.calls += 1
        return super().extract(pixels_NHWC)


def fit(images: list[GoodImage], seed: int) -> FittedInspector:
    return fit_inspector(images, "disc", CellBackbone(), SETTINGS)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> list[MarkedImage]:
    folder = tmp_path_factory.mktemp("good")
    images = []
    for number in range(30):
        path = folder / f"{number}.png"
        Image.fromarray(render_part(number)).save(path)
        images.append(MarkedImage(path, f"part {number // 2}", "good"))
    return images


def test_evaluate_false_alarms_counts_unseen_groups(good: list[MarkedImage]) -> None:
    lines: list[str] = []
    report = evaluate_false_alarms(fit, good, [9], 3, 0.05, lines.append)
    assert "9 good groups at promised 10.0%" in report.measures[0].name
    assert 0 <= report.measures[0].interval.value <= 0.5
    assert len(lines) == 3


def test_evaluate_false_alarms_no_group_left_is_refused(good: list[MarkedImage]) -> None:
    with pytest.raises(InvalidInput, match="15 groups"):
        evaluate_false_alarms(fit, good, [15], 1, 0.05)


def test_cached_backbone_computes_the_same_pixels_once() -> None:
    counting = CountingBackbone()
    cached = CachedBackbone(counting)
    pixels = render_part(0)[None]
    first, second = cached.extract(pixels), cached.extract(pixels.copy())
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, CellBackbone().extract(pixels), rtol=1e-3)
    cached.extract(render_part(1)[None])
    assert counting.calls == 2
    assert (cached.name, cached.digest) == (counting.name, counting.digest)
