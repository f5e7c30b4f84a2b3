"""Template inspectors on rendered boards and prints, from fit to verdict."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mm.errors import InvalidInput
from mm.inspection.scoring.run_length import decode_mask
from mm.inspection.template.fit import fit_template
from mm.inspection.template.inspector import TemplateInspector
from mm.inspection.template.settings import TemplateSettings
from mm.inspection.types import GoodImage, Inspection
from tests.inspection.template.boards import CENTRES, DEFECTS, SIDE, move, render_board

BOARD = TemplateSettings(conductor="dark")


@pytest.fixture(scope="module")
def inspector() -> TemplateInspector:
    return fit_template([GoodImage(render_board(), "master")], "board", BOARD)


def contains(result: Inspection, index: int, centre: tuple[float, float]) -> bool:
    """Whether a region covers a place of the image."""
    mask = decode_mask(result.regions[index].mask_rle, *result.heat_HW.shape)
    return bool(mask[round(centre[1]), round(centre[0])])


@pytest.mark.parametrize("kind", DEFECTS)
def test_inspect_board_with_a_defect_names_its_kind_and_place(inspector: TemplateInspector, kind: str) -> None:
    result = inspector.inspect(render_board(1, DEFECTS[kind]))
    assert result.verdict == "fail"
    assert [region.kind for region in result.regions] == [kind]
    assert contains(result, 0, CENTRES[kind])
    assert result.heat_HW[CENTRES[kind][1], CENTRES[kind][0]] == pytest.approx(result.score)


@pytest.mark.parametrize("kind", DEFECTS)
def test_inspect_light_copper_names_the_same_kinds(kind: str) -> None:
    light = fit_template([GoodImage(255 - render_board(), "master")], "board", TemplateSettings(conductor="light"))
    assert [region.kind for region in light.inspect(255 - render_board(1, DEFECTS[kind])).regions] == [kind]


def test_inspect_good_board_passes_and_promises_no_rate(inspector: TemplateInspector) -> None:
    result = inspector.inspect(render_board(2))
    assert (result.verdict, result.regions, result.score, result.p_value) == ("pass", (), 0.0, 1.0)
    assert "No rate of false alarms is promised" in result.notes[0]
    assert not inspector.threshold.is_reachable


def test_inspect_moved_board_finds_the_defect_at_its_place(inspector: TemplateInspector) -> None:
    degrees, shift = 2.0, (5.5, -4.0)
    result = inspector.inspect(move(render_board(1, DEFECTS["open"]), degrees, shift))
    matrix = cv2.getRotationMatrix2D((SIDE / 2 - 0.5, SIDE / 2 - 0.5), degrees, 1.0)
    centre = matrix @ np.array([*CENTRES["open"], 1.0]) + shift
    assert [region.kind for region in result.regions] == ["open"]
    assert contains(result, 0, (float(centre[0]), float(centre[1])))
    assert inspector.inspect(move(render_board(3), degrees, shift)).verdict == "pass"


def test_inspect_stretched_board_passes(inspector: TemplateInspector) -> None:
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    stretched = cv2.remap(
        render_board(4),
        columns + 2.5 * np.sin(rows / 90),
        rows + 2 * np.sin(columns / 70),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    assert inspector.inspect(np.asarray(stretched, np.uint8)).verdict == "pass"


def test_inspect_edge_that_lies_one_pixel_off_is_tolerated_and_three_are_not() -> None:
    def widen(pixels: int) -> np.ndarray:
        def draw(grey: np.ndarray) -> None:
            grey[100 - pixels : 100, 60:100] = 30

        return render_board(5, draw)

    strict = fit_template([GoodImage(render_board(), "master")], "board", TemplateSettings(tolerance_px=1.5))
    assert strict.inspect(widen(1)).verdict == "pass"
    result = strict.inspect(widen(3))
    assert (result.verdict, [region.kind for region in result.regions]) == ("fail", ["darker"])


def test_inspect_unrelated_image_is_undecided(inspector: TemplateInspector) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    result = inspector.inspect(noise)
    assert (result.verdict, result.regions, result.p_value) == ("undecided", (), 1.0)
    assert "could not be aligned" in result.notes[0]


def test_inspect_image_of_one_colour_is_undecided(inspector: TemplateInspector) -> None:
    assert inspector.inspect(np.full((SIDE, SIDE, 3), 90, np.uint8)).verdict == "undecided"


def test_inspect_region_of_interest_leaves_out_the_rest(inspector: TemplateInspector) -> None:
    image = render_board(1, DEFECTS["copper"])
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[:180] = True
    assert inspector.inspect(image, mask).verdict == "pass"
    with pytest.raises(InvalidInput, match="region of interest must be bool"):
        inspector.inspect(image, mask[:10])
    with pytest.raises(InvalidInput, match="region of interest is empty"):
        inspector.inspect(image, np.zeros_like(mask))


def test_inspect_print_in_colour_finds_a_change_of_one_channel() -> None:
    def render(seed: int, blue: int) -> np.ndarray:
        image = render_board(seed).copy()
        image[214:234, 170:200, 2] = blue
        return image

    printed = fit_template([GoodImage(render(0, 40), "sheet")], "print")
    assert printed.inspect(render(1, 40)).verdict == "pass"
    result = printed.inspect(render(2, 160))
    assert [region.kind for region in result.regions] == ["lighter"]
    assert result.score == result.regions[0].score > printed.threshold.score


def test_fit_template_several_good_images_widen_the_band_and_promise_a_rate() -> None:
    def vary(grey: np.ndarray) -> None:
        grey[206:250, 190:240] = 120  # a label that good boards may have

    goods = [GoodImage(render_board(seed, vary if seed % 2 else lambda grey: None), f"board {seed}") for seed in range(20)]
    fitted = fit_template(goods, "board", TemplateSettings(tolerance_px=1.5))
    assert fitted.threshold.is_reachable
    assert fitted.inspect(render_board(50, vary)).verdict == "pass"
    result = fitted.inspect(render_board(51, DEFECTS["spur"]))
    assert (result.verdict, result.notes) == ("fail", ())
    assert result.p_value == pytest.approx(1 / 21)
    strict = fitted.with_rate(0.01)
    assert not strict.threshold.is_reachable
    assert strict.inspect(render_board(51, DEFECTS["spur"])).verdict == "fail"


def test_fit_template_bad_images_raise_invalid_input() -> None:
    board = GoodImage(render_board(), "a")
    with pytest.raises(InvalidInput, match="at least one image"):
        fit_template([], "board")
    with pytest.raises(InvalidInput, match=r"Good image 1 of 1 .* single colour"):
        fit_template([GoodImage(np.full((64, 64, 3), 7, np.uint8), "a")], "board")
    with pytest.raises(InvalidInput, match="could not be aligned"):
        fit_template([board, GoodImage(np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8), "b")], "board")
    with pytest.raises(InvalidInput, match="another size"):
        fit_template([board, GoodImage(render_board()[:200], "b")], "board", TemplateSettings(has_registration=False))
    with pytest.raises(InvalidInput, match="is a file"):
        fit_template([GoodImage(Path("a.png"), "a")], "board")


def test_inspect_without_registration_needs_equal_sizes() -> None:
    fixed = fit_template([GoodImage(render_board(), "a")], "board", TemplateSettings(conductor="dark", has_registration=False))
    assert [region.kind for region in fixed.inspect(render_board(1, DEFECTS["short"])).regions] == ["short"]
    with pytest.raises(InvalidInput, match="both must be equal"):
        fixed.inspect(render_board()[:200])


@pytest.mark.parametrize(
    "changes",
    [{"conductor": "green"}, {"tolerance_px": -1.0}, {"contrast": 0}, {"min_area_px": 0}, {"join_px": 1000.0}, {"rate": 1.0}],
)
def test_template_settings_outside_their_limits_raise_invalid_input(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        TemplateSettings(**changes)  # type: ignore[arg-type]
