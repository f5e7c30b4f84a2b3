"""Text in pictures: what is written is read, what is not is not, and boxes agree with a plain
twin."""

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
def reader() -> TextRecognizer:
    return TextRecognizer(threads=1)


def test_words_on_a_photograph_are_read_where_they_stand(reader: TextRecognizer) -> None:
    lines = reader.recognize(written(load_sample_photos()[2], ("Zanzibar ferry", 40, 60), ("Platform 9", 60, 300)))
    assert [line.text for line in lines] == ["Zanzibar ferry", "Platform 9"]
    for line, (left, top) in zip(lines, [(40, 60), (60, 300)], strict=True):
        assert line.confidence > 0.8
        assert abs(line.box.left - left) < 20
        assert line.box.top < top + 30 < line.box.bottom + 10


def test_a_photograph_without_text_has_no_lines(reader: TextRecognizer) -> None:
    assert all(reader.recognize(picture) == [] for picture in load_sample_photos()[:3])


def test_letters_turned_by_90_degrees_are_one_line(reader: TextRecognizer) -> None:
    picture = written(np.full((500, 500, 3), 250, np.uint8), ("Harbour", 60, 200))
    (line,) = reader.recognize(np.ascontiguousarray(np.rot90(picture, -1)))
    assert line.text == "Harbour"


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 900, 3), (700, 2, 3)])
def test_any_picture_is_read(reader: TextRecognizer, shape: tuple[int, int, int]) -> None:
    assert reader.recognize(np.zeros(shape, np.uint8)) == []


@pytest.mark.parametrize("bad", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_picture_is_refused(reader: TextRecognizer, bad: npt.NDArray[np.uint8]) -> None:
    with pytest.raises(InvalidInput, match="image"):
        reader.recognize(bad)


def test_without_its_wheel_it_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="rapidocr"):
        TextRecognizer()


def flooded(mask: npt.NDArray[np.bool_]) -> set[Box]:
    """The plain twin: each set of touching pixels by flooding."""
    left, boxes = {(int(row), int(column)) for row, column in np.argwhere(mask)}, set()
    while left:
        todo, part = [left.pop()], list[tuple[int, int]]()
        while todo:
            row, column = todo.pop()
            part.append((row, column))
            near = {(row + down, column + across) for down in (-1, 0, 1) for across in (-1, 0, 1)} & left
            left -= near
            todo += near
        rows, columns = zip(*part, strict=True)
        boxes.add(Box(min(rows), min(columns), max(rows) + 1, max(columns) + 1))
    return boxes


@settings(max_examples=200, deadline=None)
@given(arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_components_are_those_of_flooding(mask: npt.NDArray[np.bool_]) -> None:
    assert set(find_components(mask)) == flooded(mask)


@settings(max_examples=100, deadline=None)
@given(arrays(np.float32, (16, 16), elements=st.floats(0, 1, width=32)), st.integers(1, 90), st.integers(1, 90))
def test_boxes_lie_in_the_picture(chances: npt.NDArray[np.float32], height: int, width: int) -> None:
    for box in find_boxes(chances, height, width):
        assert 0 <= box.top < box.bottom <= height
        assert 0 <= box.left < box.right <= width
