"""The text recognizer: text and positions, and components compared with a reference."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mm.errors import InvalidInput, Unavailable
from mm.models.image.sample_photos import load_sample_photos
from mm.models.ocr.dbnet import Box, find_boxes, find_components
from mm.models.ocr.recognizer import TextRecognizer
from tests.writing import written


@pytest.fixture(scope="module")
def recognizer() -> TextRecognizer:
    return TextRecognizer(threads=1)


def test_recognizer_returns_text_and_position_on_a_photo(recognizer: TextRecognizer) -> None:
    lines = recognizer.recognize(written(load_sample_photos()[2], ("Zanzibar ferry", 40, 60), ("Platform 9", 60, 300)))
    assert [line.text for line in lines] == ["Zanzibar ferry", "Platform 9"]
    for line, (left, top) in zip(lines, [(40, 60), (60, 300)], strict=True):
        assert line.confidence > 0.8
        assert abs(line.box.left - left) < 20
        assert line.box.top < top + 30 < line.box.bottom + 10


def test_recognizer_photo_without_text_has_no_lines(recognizer: TextRecognizer) -> None:
    assert all(recognizer.recognize(image) == [] for image in load_sample_photos()[:3])


def test_recognizer_vertical_text_is_one_line(recognizer: TextRecognizer) -> None:
    image = written(np.full((500, 500, 3), 250, np.uint8), ("Harbour", 60, 200))
    (line,) = recognizer.recognize(np.ascontiguousarray(np.rot90(image, -1)))
    assert line.text == "Harbour"


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 900, 3), (700, 2, 3)])
def test_recognizer_accepts_extreme_image_shapes(recognizer: TextRecognizer, shape: tuple[int, int, int]) -> None:
    assert recognizer.recognize(np.zeros(shape, np.uint8)) == []


@pytest.mark.parametrize("bad", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)])
def test_recognizer_invalid_array_is_refused(recognizer: TextRecognizer, bad: npt.NDArray[np.uint8]) -> None:
    with pytest.raises(InvalidInput, match="image"):
        recognizer.recognize(bad)


def test_recognizer_without_its_package_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="rapidocr"):
        TextRecognizer()


def flood_fill(mask: npt.NDArray[np.bool_]) -> set[Box]:
    """Reference implementation: the bounding box of each component by flood fill."""
    remaining, boxes = {(int(row), int(column)) for row, column in np.argwhere(mask)}, set()
    while remaining:
        todo, component = [remaining.pop()], list[tuple[int, int]]()
        while todo:
            row, column = todo.pop()
            component.append((row, column))
            near = {(row + down, column + across) for down in (-1, 0, 1) for across in (-1, 0, 1)} & remaining
            remaining -= near
            todo += near
        rows, columns = zip(*component, strict=True)
        boxes.add(Box(min(rows), min(columns), max(rows) + 1, max(columns) + 1))
    return boxes


@settings(max_examples=200, deadline=None)
@given(arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_find_components_equals_flood_fill(mask: npt.NDArray[np.bool_]) -> None:
    assert set(find_components(mask)) == flood_fill(mask)


@settings(max_examples=100, deadline=None)
@given(arrays(np.float32, (16, 16), elements=st.floats(0, 1, width=32)), st.integers(1, 90), st.integers(1, 90))
def test_find_boxes_are_inside_the_image(probabilities: npt.NDArray[np.float32], height: int, width: int) -> None:
    for box in find_boxes(probabilities, height, width):
        assert 0 <= box.top < box.bottom <= height
        assert 0 <= box.left < box.right <= width
