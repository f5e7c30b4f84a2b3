"""Marks: what they must say, their identity, and their masks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mm.errors import InvalidInput
from mm.inspection.marks.parts import collect_parts, count_observations
from mm.inspection.marks.types import Mark
from mm.inspection.scoring.run_length import encode_mask

SQUARE = ((2.0, 3.0), (6.0, 3.0), (6.0, 8.0), (2.0, 8.0))
DRAWN = Mark("a.png", "reject", polygons=(SQUARE,), size=(12, 10), kind="scratch", author="ann", at="2026-01-01T00:00:00+00:00")


def test_mark_id_of_a_repeated_mark_is_the_same() -> None:
    again = replace(DRAWN, author="bob", at="2026-02-01T00:00:00+00:00", inspected="fail")
    assert again.mark_id == DRAWN.mark_id
    assert replace(DRAWN, kind="stain").mark_id != DRAWN.mark_id
    assert replace(DRAWN, image="b.png").mark_id != DRAWN.mark_id


def test_mark_from_json_returns_the_mark() -> None:
    mask = np.zeros((12, 10), bool)
    mask[1:3, 4:6] = True
    for mark in (DRAWN, Mark("a", "accept", inspected="fail"), Mark("a", "reject", mask_rle=encode_mask(mask), size=(12, 10))):
        assert Mark.from_json(mark.to_json()) == mark


def test_draw_mask_joins_polygons_and_run_lengths() -> None:
    mask = np.zeros((12, 10), bool)
    mask[0, 9] = True
    drawn = replace(DRAWN, mask_rle=encode_mask(mask)).draw_mask(12, 10)
    assert drawn[0, 9]
    assert drawn[3:9, 2:7].all()
    assert drawn.sum() == 1 + 6 * 5


def test_draw_mask_of_another_size_is_refused() -> None:
    with pytest.raises(InvalidInput, match="was marked with 10 x 12"):
        DRAWN.draw_mask(24, 20)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"verdict": "maybe"}, "accept' or 'reject"),
        ({"verdict": "accept", "polygons": (SQUARE,)}, "has no defect"),
        ({"verdict": "accept", "kind": "scratch"}, "has no defect"),
        ({"image": ""}, "names an image"),
        ({"kind": " "}, "1 to 64 characters"),
        ({"inspected": "good"}, "verdict is one of"),
        ({"polygons": (SQUARE[:2],)}, "at least 3 corners"),
        ({"polygons": (((0.0, 0.0), (float("nan"), 1.0), (2.0, 2.0)),)}, "finite"),
        ({"polygons": (((50.0, 50.0), (60.0, 50.0), (60.0, 60.0)),), "size": (12, 10)}, "outside of the image"),
        ({"mask_rle": "00", "size": None}, "needs the size"),
        ({"mask_rle": "0", "size": (12, 10)}, "do not fill"),
    ],
)
def test_mark_with_wrong_values_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Mark.from_json({"image": "a.png", "verdict": "reject"} | fields)


@pytest.mark.parametrize("fields", [{"size": [1]}, {"polygons": [[["a", 1]]]}, {"kind": 3}, {"colour": "red"}])
def test_mark_from_json_of_another_form_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        Mark.from_json({"image": "a.png", "verdict": "reject"} | fields)


def test_collect_parts_uses_the_last_verdict_and_the_outlines_that_agree() -> None:
    accepted = Mark("a.png", "accept")
    (part,) = collect_parts([DRAWN, accepted])
    assert part.is_good
    assert not part.has_outline
    (part,) = collect_parts([DRAWN, accepted, replace(DRAWN, kind="stain"), Mark("a.png", "reject", group="plate 7")])
    assert part.has_outline
    assert part.group == "plate 7"
    assert [kind for _, kind in part.draw_masks(12, 10)] == ["stain"]


def test_count_observations_counts_accepted_parts_whose_verdict_is_known() -> None:
    marks = [Mark(str(number), "accept", inspected="pass") for number in range(8)]
    marks += [Mark("x", "accept", inspected="fail"), Mark("y", "accept"), Mark("z", "reject", inspected="fail")]
    assert count_observations(marks) == (1, 9)
