"""The template inspector as the method of the evaluation of boards."""

from __future__ import annotations

import numpy as np
import pytest

from mm.evaluation.inspection.board_method import PADDING, compare_with_template
from tests.inspection.template.boards import DEFECTS, render_board


@pytest.mark.parametrize(("kind", "box"), [("copper", (180, 214, 190, 224)), ("pin-hole", (80, 222, 88, 230))])
def test_compare_with_template_boxes_a_defect_with_its_surroundings(kind: str, box: tuple[int, int, int, int]) -> None:
    found = compare_with_template(render_board(1, DEFECTS[kind]), render_board())
    assert found.kinds == (kind,)
    expected = np.array(box) + np.array([-PADDING, -PADDING, PADDING, PADDING])
    np.testing.assert_allclose(found.corners_P4[0], expected, atol=2)


def test_compare_with_template_that_cannot_be_aligned_finds_nothing() -> None:
    flat = np.full((64, 64, 3), 200, np.uint8)
    assert compare_with_template(flat, flat).corners_P4.shape == (0, 4)
    assert compare_with_template(np.full((256, 256, 3), 200, np.uint8), render_board()).kinds == ()
