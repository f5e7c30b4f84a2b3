"""Logical inspectors on rendered scenes: presence and count in named regions."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from mm.errors import InvalidInput, SpaceMismatch
from mm.inspection.logical.fit import fit_logical
from mm.inspection.logical.inspector import LogicalInspector
from mm.inspection.logical.regions import NamedRegion, parse_regions
from mm.inspection.logical.settings import LogicalSettings
from mm.inspection.scoring.run_length import decode_mask
from mm.inspection.types import GoodImage
from tests.inspection.logical.scenes import HEIGHT, REGIONS, WIDTH, parse_scene_regions, render_good_scenes, render_scene
from tests.inspection.parts import CellBackbone

SETTINGS = LogicalSettings(backbone="cells")


@pytest.fixture(scope="module")
def inspector() -> LogicalInspector:
    return fit_logical(render_good_scenes(20), "scene", parse_scene_regions(), CellBackbone(), SETTINGS)


@pytest.mark.parametrize(("shift", "degrees"), [((0.0, 0.0), 0.0), ((4.0, -3.0), 1.5)])
def test_inspect_good_scene_passes(inspector: LogicalInspector, shift: tuple[float, float], degrees: float) -> None:
    result = inspector.inspect(render_scene(100, shift=shift, degrees=degrees))
    assert (result.verdict, result.regions) == ("pass", ())
    assert result.p_value > 0.05
    assert result.notes == (
        "No rate of false alarms is promised for counts: they rest on the correlation with the marked example.",
    )


def test_inspect_missing_part_names_its_region(inspector: LogicalInspector) -> None:
    result = inspector.inspect(render_scene(101, has_chip=False, shift=(4, -3)))
    assert result.verdict == "fail"
    assert [region.kind for region in result.regions] == ["missing: chip"]
    assert result.p_value == pytest.approx(1 / 21)
    mask = decode_mask(result.regions[0].mask_rle, HEIGHT, WIDTH)
    assert mask[57, 84]  # the centre of the region, moved with the scene
    assert not mask[26, 100]
    assert not mask[57, 111]
    assert result.heat_HW[57, 84] == pytest.approx(result.score)


@pytest.mark.parametrize(
    ("screws", "kind"), [((40, 90, 190), "count: screws 3 of 4"), ((40, 65, 90, 140, 190), "count: screws 5 of 4")]
)
def test_inspect_wrong_count_names_both_numbers(inspector: LogicalInspector, screws: tuple[int, ...], kind: str) -> None:
    result = inspector.inspect(render_scene(102, screws=screws))
    assert (result.verdict, [region.kind for region in result.regions]) == ("fail", [kind])


def test_inspect_region_of_interest_leaves_out_other_regions(inspector: LogicalInspector) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[100:] = True
    assert inspector.inspect(render_scene(103, has_chip=False), mask).verdict == "pass"
    with pytest.raises(InvalidInput, match="region of interest"):
        inspector.inspect(render_scene(103), mask[:9])


def test_inspect_unrelated_image_is_undecided(inspector: LogicalInspector) -> None:
    result = inspector.inspect(np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
    assert (result.verdict, result.regions) == ("undecided", ())
    assert "could not be aligned" in result.notes[0]


def test_inspect_scene_that_lies_partly_outside_is_undecided(inspector: LogicalInspector) -> None:
    result = inspector.inspect(render_scene(104)[:, 62:])
    assert "The region chip is not inside the image: nothing is said of it." in result.notes
    assert result.verdict in ("undecided", "fail")


def test_inspect_with_too_few_good_images_is_undecided() -> None:
    few = fit_logical(render_good_scenes(4), "scene", parse_scene_regions(), CellBackbone(), SETTINGS)
    result = few.inspect(render_scene(105, has_chip=False))
    assert (result.verdict, result.regions) == ("undecided", ())
    assert "needs 19" in result.notes[0]
    assert few.with_rate(0.25).inspect(render_scene(105, has_chip=False)).verdict == "fail"
    one = fit_logical(render_good_scenes(1), "scene", parse_scene_regions(), CellBackbone(), SETTINGS)
    assert one.inspect(render_scene(105)).verdict == "undecided"


def test_fit_logical_counts_alone_need_no_backbone() -> None:
    regions = [region for region in parse_scene_regions() if region.count]
    counting = fit_logical(render_good_scenes(1), "screws", regions, None)
    assert counting.inspect(render_scene(106)).verdict == "pass"
    assert counting.inspect(render_scene(106, screws=(40, 90, 140))).regions[0].kind == "count: screws 3 of 4"


def test_fit_logical_bad_input_raises_invalid_input() -> None:
    goods, regions = render_good_scenes(2), parse_scene_regions()
    fit = lambda images, named, **options: fit_logical(images, "scene", named, CellBackbone(), replace(SETTINGS, **options))  # noqa: E731
    with pytest.raises(InvalidInput, match="at least one image"):
        fit([], regions)
    with pytest.raises(InvalidInput, match="single colour"):
        fit([GoodImage(np.full((HEIGHT, WIDTH, 3), 9, np.uint8), "a")], regions)
    with pytest.raises(InvalidInput, match="could not be aligned"):
        fit([*goods, GoodImage(np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8), "b")], regions)
    with pytest.raises(InvalidInput, match="another size"):
        fit([goods[0], GoodImage(render_scene(1)[:170], "b")], regions, has_registration=False)
    with pytest.raises(InvalidInput, match="reaches beyond the image"):
        fit(goods, [NamedRegion("far", ((200, 100), (300, 100), (300, 150)))])
    with pytest.raises(InvalidInput, match=r"room for|cannot be separated"):
        fit(goods, [replace(regions[2], count=6)])
    with pytest.raises(InvalidInput, match="need the backbone"):
        fit_logical(goods, "scene", regions, None, SETTINGS)
    with pytest.raises(InvalidInput, match="1 to 100 named regions"):
        fit(goods, [])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "1 to 64 printable"),
        ({"box": [1, 2, 3]}, "list of 4 numbers"),
        ({"box": [1, 2, 0, 5]}, "has no area"),
        ({"polygon": [[1, 2], [3, 4]]}, "either a polygon or a box"),
        ({"count": 2}, "both a count and the box"),
        ({"count": True, "example": [1, 2, 3, 4]}, "whole number"),
        ({"count": 0, "example": [1, 2, 3, 4]}, "from 1 to 1000"),
        ({"colour": "red"}, "unknown entry 'colour'"),
    ],
)
def test_parse_regions_bad_entry_says_what_is_wrong(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        parse_regions(json.dumps([{"name": "chip", "box": [1, 2, 30, 40], **changes}]))


@pytest.mark.parametrize("text", ["{", "{}", "[]", "[1]", json.dumps(json.loads(REGIONS)[:1] * 2)])
def test_parse_regions_another_document_raises_invalid_input(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_regions(text)


def test_logical_inspector_of_other_weights_is_refused(inspector: LogicalInspector) -> None:
    with pytest.raises(SpaceMismatch, match="other weights"):
        replace(inspector, backbone_digest="other")
