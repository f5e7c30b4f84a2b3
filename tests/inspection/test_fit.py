"""Inspectors that are fitted on rendered parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mm.errors import InvalidInput
from mm.inspection.features.framing import Framing
from mm.inspection.fit import augment, choose_tiles, count_copies, fit_inspector
from mm.inspection.inspector import FittedInspector
from mm.inspection.scoring.run_length import decode_mask
from mm.inspection.settings import FitSettings
from mm.inspection.types import GoodImage, Inspector
from tests.inspection.parts import CellBackbone, add_scratch, render_good_images, render_part

SETTINGS = FitSettings(backbone="cells", framing=Framing(None), bank_size=400, rate=0.1)


@pytest.fixture(scope="module")
def inspector() -> FittedInspector:
    return fit_inspector(render_good_images(24), "disc", CellBackbone(), SETTINGS)


def test_inspect_scratch_fails_where_it_is(inspector: FittedInspector) -> None:
    image = add_scratch(render_part(100), 40, 30)
    result = inspector.inspect(image)
    assert (result.verdict, result.inspector, result.version) == ("fail", "disc", 1)
    assert result.p_value == pytest.approx(1 / 25)
    assert result.heat_HW.shape == image.shape[:2]
    row, column = np.unravel_index(result.heat_HW.argmax(), result.heat_HW.shape)
    assert 36 <= row < 60
    assert 26 <= column < 62
    mask = decode_mask(result.regions[0].mask_rle, *image.shape[:2])
    assert mask[row, column]
    assert result.regions[0].score == pytest.approx(float(result.heat_HW.max()))


def test_inspect_good_parts_rarely_fail(inspector: FittedInspector) -> None:
    results = [inspector.inspect(render_part(seed)) for seed in range(200, 240)]
    assert sum(result.verdict == "fail" for result in results) <= 8  # 10 % of 40, with the spread of so few
    assert all(result.regions == () for result in results if result.verdict == "pass")


def test_inspect_defect_outside_the_region_of_interest_passes(inspector: FittedInspector) -> None:
    image = add_scratch(render_part(100), 40, 30)
    mask = np.zeros(image.shape[:2], bool)
    mask[:32] = True
    result = inspector.inspect(image, mask)
    assert result.verdict == "pass"
    assert not result.heat_HW[~mask].any()


@pytest.mark.parametrize("mask", [np.ones((5, 5), bool), np.ones((96, 96), np.uint8), np.zeros((96, 96), bool)])
def test_inspect_invalid_region_of_interest_is_refused(inspector: FittedInspector, mask: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="region of interest"):
        inspector.inspect(render_part(0), mask)


def test_inspect_other_arrays_are_refused(inspector: FittedInspector) -> None:
    with pytest.raises(InvalidInput, match="uint8"):
        inspector.inspect(np.zeros((96, 96), np.uint8))


def test_fit_inspector_is_reproducible(inspector: FittedInspector) -> None:
    again = fit_inspector(render_good_images(24), "disc", CellBackbone(), SETTINGS)
    np.testing.assert_array_equal(again.bank.vectors_BC, inspector.bank.vectors_BC)
    np.testing.assert_array_equal(again.calibration.score_N, inspector.calibration.score_N)


def test_fit_inspector_implements_the_protocol(inspector: FittedInspector) -> None:
    protocol: Inspector = inspector
    assert protocol.threshold.num_groups == 24
    assert protocol.threshold.is_reachable
    assert protocol.threshold.interval[0] <= protocol.threshold.rate_requested <= protocol.threshold.interval[1]


def test_fit_inspector_few_images_answer_with_the_smallest_rate() -> None:
    few = fit_inspector(render_good_images(8), "disc", CellBackbone(), SETTINGS)
    assert few.threshold.smallest_rate == pytest.approx(1 / 9)
    result = few.inspect(add_scratch(render_part(100), 40, 30))
    assert result.verdict == "undecided"
    assert result.notes[0].startswith(
        "8 groups of good images allow a false-alarm rate of 11.1%, not 10.0%: that needs 9 groups."
    )
    assert few.with_rate(0.2).inspect(add_scratch(render_part(100), 40, 30)).verdict == "fail"


def test_fit_inspector_one_image_is_accepted_and_decides_nothing() -> None:
    single = fit_inspector(render_good_images(1), "disc", CellBackbone(), SETTINGS)
    result = single.inspect(add_scratch(render_part(0), 40, 30))
    assert (result.verdict, result.p_value) == ("undecided", 1.0)
    assert "Add good images" in result.notes[0]
    assert result.score > single.inspect(render_part(0)).score


def test_fit_inspector_images_of_one_group_are_never_separated() -> None:
    images = [GoodImage(image.image, f"batch {index // 4}") for index, image in enumerate(render_good_images(12))]
    fitted = fit_inspector(images, "disc", CellBackbone(), SETTINGS)
    assert (fitted.bank.num_folds, fitted.threshold.num_groups, fitted.threshold.num_good) == (3, 3, 12)


def test_fit_inspector_reads_files_through_the_reader(tmp_path: Path) -> None:
    images = render_good_images(3)
    files = [GoodImage(tmp_path / str(index), image.group) for index, image in enumerate(images)]

    def read(path: Path) -> np.ndarray:
        image = images[int(path.name)].image
        assert not isinstance(image, Path)
        return image

    fitted = fit_inspector(files, "disc", CellBackbone(), SETTINGS, read)
    expected = fit_inspector(images, "disc", CellBackbone(), SETTINGS)
    np.testing.assert_array_equal(fitted.bank.vectors_BC, expected.bank.vectors_BC)
    with pytest.raises(InvalidInput, match="no reader"):
        fit_inspector(files, "disc", CellBackbone(), SETTINGS)


def test_fit_inspector_images_of_mixed_sizes_are_accepted() -> None:
    images = [*render_good_images(3), *render_good_images(3, 50, side=120)]
    fitted = fit_inspector(
        [GoodImage(image.image, str(index)) for index, image in enumerate(images)], "x", CellBackbone(), SETTINGS
    )
    assert fitted.inspect(render_part(9, 104)).heat_HW.shape == (104, 104)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "at least one image"),
        ([GoodImage(np.zeros((64, 64, 3), np.uint8), "black")], "single colour"),
        ([GoodImage(np.full((64, 64, 3), 200, np.uint8), "grey")], "single colour"),
        ([GoodImage(np.zeros((64, 64), np.uint8), "flat")], "uint8"),
        ([GoodImage(np.zeros((64, 64, 4), np.uint8), "alpha")], "uint8"),
    ],
)
def test_fit_inspector_bad_images_are_named(images: list[GoodImage], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        fit_inspector(images, "x", CellBackbone(), SETTINGS)


def test_fit_inspector_other_backbone_than_the_settings_is_refused() -> None:
    with pytest.raises(InvalidInput, match="imagenet"):
        fit_inspector(render_good_images(2), "x", CellBackbone(), FitSettings())


def test_augment_rotations_give_four_directions_of_each_brightness() -> None:
    image = render_part(0)
    copies = list(augment(image, FitSettings(brightness=(0.5,), has_rotations=True)))
    assert len(copies) == 8
    np.testing.assert_array_equal(copies[0], image)
    np.testing.assert_array_equal(copies[2], image[::-1, ::-1])
    assert copies[4].mean() == pytest.approx(image.mean() / 2, abs=1)


@pytest.mark.parametrize(
    "values", [{"share": 0.0}, {"share": 1.5}, {"bank_size": 1}, {"rate": 0.0}, {"brightness": (0.0,)}, {"rate": float("nan")}]
)
def test_fit_settings_invalid_values_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(InvalidInput):
        FitSettings(**values)  # type: ignore[arg-type]


def test_fit_inspector_images_of_several_exposures_are_corrected() -> None:
    goods = render_good_images(12)
    darker = [
        GoodImage((good.image * np.float32(0.5)).astype(np.uint8), good.group)
        for good in goods
        if not isinstance(good.image, Path)
    ]
    plain = fit_inspector(goods, "disc", CellBackbone(), SETTINGS)
    corrected = fit_inspector([*goods, *darker], "disc", CellBackbone(), SETTINGS)
    assert (plain.settings.has_exposure_correction, corrected.settings.has_exposure_correction) == (False, True)
    dark = (render_part(300) * np.float32(0.7)).astype(np.uint8)
    assert corrected.inspect(dark).p_value > plain.inspect(dark).p_value


def test_augment_table_equals_products_of_pixels() -> None:
    image = render_part(5)
    copies = list(augment(image, SETTINGS))
    assert len(copies) == count_copies(SETTINGS) == 3
    for gain, copy in zip((0.8, 1.2), copies[1:], strict=True):
        np.testing.assert_array_equal(copy, np.clip(np.rint(image * np.float32(gain)), 0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    ("num_tiles", "limit", "num_copies", "count"), [(4, 4, 3, 4), (16, None, 3, 16), (16, 4, 3, 2), (16, 4, 12, 1)]
)
def test_choose_tiles_returns_distinct_tiles_within_the_limit(
    num_tiles: int, limit: int | None, num_copies: int, count: int
) -> None:
    chosen = choose_tiles(num_tiles, limit, num_copies, (0, 1, 2))
    assert len(set(chosen)) == len(chosen) == count
    assert set(chosen) <= set(range(num_tiles))
    assert chosen == choose_tiles(num_tiles, limit, num_copies, (0, 1, 2))


def test_fit_inspector_bank_of_few_tiles_equals_that_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mm.inspection.features.framing.TILE", 48)  # 4 tiles of a part of 96 pixels
    images = render_good_images(4)
    every = fit_inspector(images, "disc", CellBackbone(), replace(SETTINGS, bank_tiles=None))
    same = fit_inspector(images, "disc", CellBackbone(), replace(SETTINGS, bank_tiles=4))
    np.testing.assert_array_equal(same.bank.vectors_BC, every.bank.vectors_BC)
    np.testing.assert_array_equal(same.calibration.score_N, every.calibration.score_N)
    sampled = fit_inspector(images, "disc", CellBackbone(), replace(SETTINGS, bank_tiles=3))
    assert len(sampled.bank.vectors_BC) <= len(every.bank.vectors_BC)
    assert not np.array_equal(sampled.bank.vectors_BC, every.bank.vectors_BC)
    assert len(sampled.calibration.score_N) == 4


def test_fit_settings_without_any_tile_are_refused() -> None:
    with pytest.raises(InvalidInput, match="at least 1 tile"):
        replace(SETTINGS, bank_tiles=0)
