"""Kinds of defects by what they connect, on drawn masks."""

from __future__ import annotations

import numpy as np
import pytest

from mm.inspection.template.board import Board, find_level
from mm.inspection.template.candidates import find_candidates
from mm.inspection.template.settings import TemplateSettings
from mm.inspection.template.topology import count_contacts, name_defect

GROUND, COPPER = 255, 0
SETTINGS = TemplateSettings(conductor="dark", tolerance_px=1.0)


def name(template: np.ndarray, image: np.ndarray) -> list[str]:
    """The kinds of all differences of an image from a template, both (H, W)."""
    grey, expected = image[..., None], template[..., None]
    inside = np.ones(image.shape, np.bool_)
    board = Board.of(grey, expected, inside, find_level(expected), "dark")
    candidates = find_candidates(grey, expected, expected, inside, SETTINGS)
    return [name_defect(board.is_added(each), count_contacts(each, board)) for each in candidates]


@pytest.fixture
def template() -> np.ndarray:
    """A trace that turns back (a U), a pad, and ground."""
    grey = np.full((120, 160), GROUND, np.uint8)
    grey[20:30, 20:100] = grey[50:60, 20:100] = COPPER
    grey[20:60, 90:100] = COPPER
    grey[80:110, 20:60] = COPPER
    return grey


def test_name_defect_of_equal_images_is_empty(template: np.ndarray) -> None:
    assert name(template, template) == []


@pytest.mark.parametrize(
    ("rows", "columns", "value", "kind"),
    [
        (slice(28, 52), slice(40, 46), COPPER, "short"),  # between two parts of one net
        (slice(58, 82), slice(40, 46), COPPER, "short"),
        (slice(18, 32), slice(40, 46), GROUND, "open"),
        (slice(18, 25), slice(40, 46), GROUND, "mousebite"),
        (slice(28, 36), slice(40, 46), COPPER, "spur"),
        (slice(80, 90), slice(100, 110), COPPER, "copper"),
        (slice(90, 100), slice(30, 40), GROUND, "pin-hole"),
        (slice(60, 68), slice(60, 66), COPPER, "spur"),
    ],
)
def test_name_defect_by_what_it_joins(template: np.ndarray, rows: slice, columns: slice, value: int, kind: str) -> None:
    image = template.copy()
    image[rows, columns] = value
    assert name(template, image) == [kind]


def test_name_defect_that_cuts_off_the_corner_of_a_pad_is_open(template: np.ndarray) -> None:
    image = template.copy()
    for step in range(30):
        image[80 + step, 59 - step : 65 - step] = GROUND
    assert name(template, image) == ["open"]


def test_name_defect_that_leaves_a_thin_connection_is_mousebite(template: np.ndarray) -> None:
    image = template.copy()
    image[20:28, 40:46] = GROUND  # two rows of pixels are left
    assert name(template, image) == ["mousebite"]


def test_find_level_of_two_values_is_between_them() -> None:
    grey = np.array([[[3], [250]], [[0], [255]]], np.uint8)
    assert 100 < find_level(grey) < 150
    assert find_level(np.full((4, 4, 1), 9, np.uint8)) >= 0
