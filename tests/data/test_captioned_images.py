"""Captioned images: rows in order, invalid lines, and image files of all kinds."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from mm.data.captioned_images import load_captioned_images, read_captioned_images
from mm.errors import InvalidInput


def test_read_captioned_images_keeps_the_order(captioned_folder: Path) -> None:
    rows = read_captioned_images(captioned_folder, "dev")
    assert [row.path.name for row in rows] == ["12.png", "13.png", "14.png", "15.png"]
    assert len(rows[0].captions) == 2
    assert load_captioned_images(rows, 20).shape == (4, 20, 20, 3)


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "{}", '{"image": "a.png", "captions": [], "split": "dev"}', '{"image": "a.png", "captions": 3, "split": "dev"}'],
)
def test_read_captioned_images_names_an_invalid_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "captions.jsonl").write_text('{"image": "a.png", "captions": ["A cat ."], "split": "dev"}\n' + line + "\n")
    with pytest.raises(InvalidInput, match=r"captions\.jsonl, line 2"):
        read_captioned_images(tmp_path, "dev")


def test_read_captioned_images_without_file_or_split_raises_invalid_input(tmp_path: Path, captioned_folder: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no captions\.jsonl"):
        read_captioned_images(tmp_path, "dev")
    with pytest.raises(InvalidInput, match="split 'test'"):
        read_captioned_images(captioned_folder, "test")


def test_load_captioned_images_names_a_file_that_is_not_an_image(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "captions.jsonl").write_text('{"image": "a.png", "captions": ["A cat ."], "split": "dev"}\n')
    rows = read_captioned_images(tmp_path, "dev")
    with pytest.raises(InvalidInput, match=r"a\.png"):
        load_captioned_images(rows, 8)
    (tmp_path / "images" / "a.png").write_bytes(b"no picture")
    with pytest.raises(InvalidInput, match=r"a\.png"):
        load_captioned_images(rows, 8)


def test_load_captioned_images_reads_all_colour_modes(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for mode in ("L", "P", "RGBA", "CMYK"):
        Image.new(mode, (9, 7)).save(tmp_path / "images" / f"{mode}.tiff")
    lines = [f'{{"image": "{mode}.tiff", "captions": ["A wall ."], "split": "dev"}}\n' for mode in ("L", "P", "RGBA", "CMYK")]
    (tmp_path / "captions.jsonl").write_text("".join(lines))
    assert load_captioned_images(read_captioned_images(tmp_path, "dev"), 8).shape == (4, 8, 8, 3)
