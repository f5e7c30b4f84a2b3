"""Conversion of the Flickr8k files to captioned images for training."""

from __future__ import annotations

import runpy
import tomllib
from pathlib import Path

import pytest

from mm.data.captioned_images import read_captioned_images

FOLDER = Path(__file__).parents[3] / "datasets" / "flickr8k"


@pytest.fixture
def authors_files(tmp_path: Path) -> Path:
    (tmp_path / "Flickr8k.token.txt").write_text(
        "a.jpg#0\tA dog runs .\nb.jpg#0\tTwo cats .\na.jpg#1\tA brown dog .\nc.jpg#0\tÜber .\n"
    )
    for split, names in (("train", "a.jpg\n"), ("dev", "b.jpg\n"), ("test", "c.jpg\n")):
        (tmp_path / f"Flickr_8k.{split}Images.txt").write_text(names)
    return tmp_path


def test_flickr8k_reader_writes_captions_that_training_reads(authors_files: Path) -> None:
    runpy.run_path(str(FOLDER / "reader.py"))["main"](authors_files)
    rows = {split: read_captioned_images(authors_files, split) for split in ("train", "dev", "test")}
    assert [(row.path.name, row.captions) for row in rows["train"]] == [("a.jpg", ("A dog runs .", "A brown dog ."))]
    assert [row.captions for row in rows["test"]] == [("Über .",)]
    assert rows["dev"][0].path == authors_files / "images" / "b.jpg"


def test_flickr8k_reader_names_a_listed_image_without_captions(authors_files: Path) -> None:
    (authors_files / "Flickr_8k.devImages.txt").write_text("d.jpg\n")
    with pytest.raises(ValueError, match=r"d\.jpg"):
        list(runpy.run_path(str(FOLDER / "reader.py"))["read_authors_files"](authors_files))


def test_flickr8k_dataset_toml_names_set_and_splits() -> None:
    described = tomllib.loads((FOLDER / "dataset.toml").read_text())
    assert described["name"] == FOLDER.name
    assert described["splits"] == ["train", "dev", "test", "all"]
