"""`mm eval reading` on images that the test writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mm.errors import InvalidInput
from mm.evaluation.reading import IN_USE, LETTER_HEIGHTS, PROBABILITIES, SIDES, draw_text, evaluate
from mm.media import MediaReader
from mm.models.image.sample_photos import load_sample_photos
from mm.models.ocr.recognizer import TextRecognizer
from tests.writing import written


@pytest.fixture(scope="module")
def reader() -> Iterator[MediaReader]:
    with MediaReader() as opened:
        yield opened


def test_reading_evaluate_counts_images_by_their_text(tmp_path: Path, reader: MediaReader) -> None:
    photo = load_sample_photos()[2]
    (tmp_path / "sub").mkdir()
    Image.fromarray(photo).save(tmp_path / "plain.png")
    Image.fromarray(written(photo, ("Zanzibar ferry", 40, 60))).save(tmp_path / "sub" / "sign.png")
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    screening, cost, drawn = evaluate(TextRecognizer(1), reader, tmp_path, 10, 1, lambda _: None)
    assert screening.of.startswith("2 images, 1 with text")
    assert "1 images could not be decoded" in screening.notes[0]
    values = {measure.name: measure.interval.value for measure in screening.measures}
    assert len(values) == 3 * (len(SIDES) + len(PROBABILITIES))
    assert values[f"screening by {IN_USE}, in use: images with text that are missed"] == 0
    assert values[f"screening by {IN_USE}, in use: letters that are missed"] == 0
    assert all(measure.interval.value > 0 for measure in cost.measures)
    assert len(drawn.measures) == 2 * len(LETTER_HEIGHTS)


def test_reading_evaluate_folder_without_images_raises_invalid_input(tmp_path: Path, reader: MediaReader) -> None:
    with pytest.raises(InvalidInput, match="no image file"):
        evaluate(TextRecognizer(1), reader, tmp_path, 10, 0, lambda _: None)


@pytest.mark.parametrize("share", LETTER_HEIGHTS)
def test_draw_text_letters_have_the_height(share: float) -> None:
    image = np.full((600, 800, 3), 128, np.uint8)
    drawn, text = draw_text(image, share, seed=3)
    assert text.isupper()
    rows = np.flatnonzero((drawn == drawn.max()).all(2).any(1) & (drawn == 0).all(2).any(1))
    assert len(rows) >= share * 800 * 0.8
    assert np.array_equal(draw_text(image, share, seed=3)[0], drawn)
