"""Caption examples, and text-only captions without leaks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mm.data.language.captions import read_caption_examples, read_text_only_captions
from mm.errors import InvalidInput


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    flickr8k, multi30k = tmp_path / "flickr8k", tmp_path / "multi30k"
    (flickr8k / "lists").mkdir(parents=True)
    multi30k.mkdir()
    rows = [
        {"image": "1_a.jpg", "captions": ["A dog runs .", "A dog ."], "split": "train"},
        {"image": "2_b.jpg", "captions": ["A cat , black , sleeps ."], "split": "dev"},
    ]
    (flickr8k / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (flickr8k / "lists" / "Flickr_8k.devImages.txt").write_text("2_b.jpg\n")
    (flickr8k / "lists" / "Flickr_8k.testImages.txt").write_text("3_c.jpg\n")
    texts = {
        "1.jpg": ["Of train ."],
        "2.jpg": ["Of dev ."],
        "3.jpg": ["Of test ."],
        "4.jpg": ["A new one .", "a cat, black, sleeps", " . "],
    }
    (multi30k / "task2_train.jsonl").write_text("".join(json.dumps({"image": k, "en": v}) + "\n" for k, v in texts.items()))
    return flickr8k, multi30k


def test_read_caption_examples_gives_one_per_caption(folders: tuple[Path, Path]) -> None:
    examples = read_caption_examples(folders[0], "train")
    assert [example.text for example in examples] == ["A dog runs.", "A dog."]
    assert examples[0].references == ("A dog runs.", "A dog.")
    assert (examples[0].source, examples[0].image) == ("1", folders[0] / "images" / "1_a.jpg")


def test_read_text_only_captions_leaves_out_images_of_dev_and_test_and_their_sentences(folders: tuple[Path, Path]) -> None:
    flickr8k, multi30k = folders
    assert [(example.source, example.text, example.image) for example in read_text_only_captions(multi30k, flickr8k)] == [
        ("4", "A new one.", None)
    ]


@pytest.mark.parametrize("name", ["Flickr_8k.devImages.txt", "Flickr_8k.testImages.txt"])
def test_read_text_only_captions_without_a_list_raises_invalid_input(folders: tuple[Path, Path], name: str) -> None:
    flickr8k, multi30k = folders
    (flickr8k / "lists" / name).unlink()
    with pytest.raises(InvalidInput, match=name):
        read_text_only_captions(multi30k, flickr8k)


@pytest.mark.parametrize("name", ["Flickr_8k.devImages.txt", "Flickr_8k.testImages.txt"])
def test_read_text_only_captions_with_an_empty_list_raises_invalid_input(folders: tuple[Path, Path], name: str) -> None:
    flickr8k, multi30k = folders
    (flickr8k / "lists" / name).write_text("\n")
    with pytest.raises(InvalidInput, match=name):
        read_text_only_captions(multi30k, flickr8k)
