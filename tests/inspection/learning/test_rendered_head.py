"""Inspectors whose head learned from rendered cracks alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mm.inspection.fit import fit_inspector
from mm.inspection.inspector import FittedInspector
from mm.inspection.inspector_file import read_inspector, write_inspector
from mm.inspection.marks.teach import teach
from mm.inspection.marks.types import Mark
from mm.inspection.types import GoodImage
from mm.media.types import RGB
from mm.metrics.auc import auc
from tests.inspection.parts import CellBackbone, render_good_images, render_part
from tests.inspection.test_fit import SETTINGS
from tests.inspection.test_inspector_file import load_cells

GOOD = render_good_images(12)
RENDERED = replace(SETTINGS, has_rendered_cracks=True)


def add_hairline(image: RGB) -> RGB:
    """A dark crack of one pixel across the disc, fainter than the differences between parts."""
    cracked = image.copy()
    cv2.line(cracked, (36, 62), (58, 66), (135, 130, 125), 1, cv2.LINE_AA)
    return cracked


@pytest.fixture(scope="module")
def inspector() -> FittedInspector:
    return fit_inspector(GOOD, "disc", CellBackbone(), RENDERED)


def separate(inspector: FittedInspector) -> float:
    """Area under the ROC curve of good parts against parts with a hairline."""
    parts = [render_part(seed) for seed in range(500, 516)]
    scores = [inspector.inspect(part).score for part in (*parts, *map(add_hairline, parts))]
    return auc(np.array(scores), np.arange(32) >= 16)


def test_fit_rendered_cracks_finds_hairlines_better_than_distances_alone(inspector: FittedInspector) -> None:
    plain = fit_inspector(GOOD, "disc", CellBackbone(), SETTINGS)
    assert plain.head is None
    assert inspector.head is not None
    assert separate(inspector) > max(0.9, separate(plain))
    heat_HW = inspector.inspect(add_hairline(render_part(600))).heat_HW
    row, column = np.unravel_index(heat_HW.argmax(), heat_HW.shape)
    assert 56 <= row < 72
    assert 32 <= column < 64


def test_fit_rendered_cracks_calibrates_on_every_good_image(inspector: FittedInspector) -> None:
    assert inspector.calibration.num_groups == 12
    assert np.isfinite(inspector.region_threshold)
    results = [inspector.inspect(render_part(seed)) for seed in range(700, 720)]
    assert sum(result.verdict == "fail" for result in results) <= 6  # 10 % of 20, with the spread of so few


def test_fit_rendered_cracks_member_that_judges_an_image_does_not_depend_on_it(inspector: FittedInspector) -> None:
    changed = [GoodImage(np.flip(render_part(99), 1).copy(), "part 0"), *GOOD[1:]]
    other = fit_inspector(changed, "disc", CellBackbone(), RENDERED)
    assert inspector.head is not None
    assert other.head is not None
    members = list(zip(inspector.head.members, other.head.members, strict=True))
    own = members.pop(inspector.group_folds["part 0"] % len(members))
    np.testing.assert_array_equal(own[0].hidden_DK, own[1].hidden_DK)
    assert not any(np.array_equal(old.hidden_DK, new.hidden_DK) for old, new in members)


def test_fit_rendered_cracks_of_one_group_has_no_head() -> None:
    alone = fit_inspector(GOOD[:1], "disc", CellBackbone(), RENDERED)
    assert alone.head is None
    assert alone.inspect(render_part(1)).verdict == "undecided"


def test_write_inspector_keeps_the_head(inspector: FittedInspector, tmp_path: Path) -> None:
    path = tmp_path / "disc.inspector"
    write_inspector(inspector, path)
    read = read_inspector(path, load_cells)
    assert isinstance(read, FittedInspector)
    assert read.settings == inspector.settings
    image = add_hairline(render_part(600))
    assert read.inspect(image).score == pytest.approx(inspector.inspect(image).score, rel=1e-5)


def test_teach_accepted_part_alone_keeps_a_head_of_rendered_defects(inspector: FittedInspector) -> None:
    labelled = render_part(800)
    cv2.rectangle(labelled, (4, 4), (20, 18), (220, 220, 60), -1)
    mark = Mark("labelled", "accept", inspected="fail")
    taught = teach(inspector, GOOD, [mark], {"labelled": labelled}.__getitem__).inspector
    assert taught.head is not None
    assert separate(taught) > 0.9
