"""Frames that are read because text in them changed: slides, pages of a screen recording."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from mm.media.types import RGB
from mm.spaces.encode.evidence import EncodedEvidence, EncodedFrame, EncodedSegment, TextImage
from mm.spaces.encode.ocr import select_for_ocr
from mm.spaces.encode.text_regions import (
    find_changed,
    find_text_regions,
    keep_lines,
    list_shown_frames,
    select_changed_frames,
)

SIZE = (448, 256)
VECTOR = np.eye(2, dtype=np.float32)[0]


def page(*lines: str, top: int = 40) -> RGB:
    """A white page with lines of text."""
    image = Image.new("RGB", SIZE, "white")
    for number, line in enumerate(lines):
        ImageDraw.Draw(image).text((16, top + 24 * number), line, font=ImageFont.load_default(14), fill="black")
    return np.asarray(image)


def noise(seed: int) -> RGB:
    """A frame without two equal pixels in a row, as of a moving camera over grass."""
    return np.random.default_rng(seed).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)


PAGES = [
    page(f"{title} and what belongs to it, in some more words", "The second line is a line too, and it is another one")
    for title in ("Invoice of the lighthouse", "Timetable of all the ferries", "Recipe for a rhubarb cake")
]


def frames(*shown: tuple[RGB, float]) -> list[EncodedFrame]:
    """Encoded frames with their times."""
    return [EncodedFrame(time, VECTOR, False, 0.0, np.zeros(3, np.float32), find_text_regions(image)) for image, time in shown]


def segment(start: float, end: float, *shown: tuple[RGB, float]) -> EncodedSegment:
    evidence = [EncodedEvidence("picture", start, end, None, VECTOR)]
    return EncodedSegment(start, end, 0, evidence, [frame for frame in frames(*shown) if start <= frame.time < end])


def test_select_for_ocr_selects_each_page_of_a_shot_with_the_time_it_is_shown() -> None:
    shown = [(PAGES[0], 0.0), (PAGES[1], 3.0), (PAGES[2], 6.0)]
    selected = select_for_ocr([segment(0.0, 9.0, *shown)])
    assert [chosen.image for chosen in selected] == [TextImage(4.5, 3.0, 6.0), TextImage(1.5, 0.0, 3.0), TextImage(7.5, 6.0, 9.0)]


def test_select_for_ocr_page_that_returns_is_read_once() -> None:
    shown = [(PAGES[0], 0.0), (PAGES[1], 4.0), (PAGES[0], 8.0), (PAGES[1], 12.0)]
    selected = select_for_ocr([segment(0.0, 8.0, *shown), segment(8.0, 16.0, *shown)])
    assert [(chosen.segment.start, chosen.image.start) for chosen in selected] == [(0.0, 4.0), (0.0, 0.0)]


def test_select_for_ocr_page_over_two_segments_is_evidence_of_the_first() -> None:
    shown = [(PAGES[0], 0.0), (PAGES[1], 8.0), (PAGES[2], 14.0)]
    selected = select_for_ocr([segment(0.0, 10.0, *shown), segment(10.0, 20.0, *shown)])
    times = [(chosen.image.start, chosen.image.end) for chosen in selected]
    assert times == [(0.0, 8.0), (8.0, 10.0), (14.0, 20.0)]


def test_select_for_ocr_moving_images_without_text_are_one_image_per_shot() -> None:
    shown = [(noise(seed), seed / 2) for seed in range(20)]
    assert [chosen.image for chosen in select_for_ocr([segment(0.0, 10.0, *shown)])] == [TextImage(5.0, 0.0, 10.0)]


def test_select_changed_frames_text_beside_motion_is_selected() -> None:
    def beside(image: RGB, seed: int) -> RGB:
        both = image.copy()
        both[150:, 300:] = noise(seed)[150:, 300:]
        return both

    shown = [(beside(PAGES[number // 6], number), number / 2) for number in range(18)]
    listed = list_shown_frames(frames(*shown), 9.0, 0.5)
    assert [frame.time for frame in select_changed_frames(listed, None)] == [0.0, 3.0, 6.0]


def test_select_changed_frames_page_shorter_than_a_sample_is_left_out() -> None:
    listed = list_shown_frames(frames((PAGES[0], 0.0), (PAGES[1], 2.0), (PAGES[2], 2.5)), 6.0, 0.5)
    assert [frame.time for frame in select_changed_frames(listed, None)] == [0.0, 2.5]


@pytest.mark.parametrize("shape", [(2, 2), (7, 300), (8, 8), (41, 77)])
def test_find_text_regions_equals_the_slow_reference(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 40, (*shape, 3), dtype=np.uint8)
    gray = np.asarray(Image.fromarray(image).convert("L"), int)
    regions = find_text_regions(image)
    assert regions.detail.shape == (shape[0] // 8, shape[1] // 8)
    for row, column in np.ndindex(regions.detail.shape):
        cell = gray[8 * row : 8 * row + 8, max(8 * column - 1, 0) : 8 * column + 8]
        assert regions.detail[row, column] == (np.abs(np.diff(cell, axis=1)).sum() >= 6 * 64)
    for row, column in np.ndindex(regions.brightness.shape):
        assert regions.brightness[row, column] == int(gray[4 * row : 4 * row + 4, 4 * column : 4 * column + 4].mean())


def test_find_changed_other_size_has_changed_everywhere() -> None:
    small, large = find_text_regions(noise(1)[:64, :64]), find_text_regions(noise(1))
    assert find_changed(small, large).all()
    assert not find_changed(large, large).any()


def test_keep_lines_equals_the_slow_reference() -> None:
    cells = np.random.default_rng(2).random((30, 11)) < 0.6
    for row, kept in zip(cells, keep_lines(cells), strict=True):
        runs = [range(start, start + 3) for start in range(9) if row[start : start + 3].all()]
        assert [any(column in run for run in runs) for column in range(11)] == kept.tolist()
    assert not keep_lines(np.ones((4, 2), np.bool_)).any()
