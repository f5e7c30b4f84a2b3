"""Reads Flickr8k, and converts its authors' files to the `captions.jsonl` that training reads.

Loaded or run by path.

python datasets/flickr8k/reader.py FOLDER
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from mm.data.captions.read import check_captions, read_captions
from mm.data.captions.types import CaptionSet
from mm.data.sets.types import EvaluationSet, Problem

LISTS = {"train": "Flickr_8k.trainImages.txt", "dev": "Flickr_8k.devImages.txt", "test": "Flickr_8k.testImages.txt"}


class Row(TypedDict):
    """An image: its file name, captions and split."""

    image: str
    captions: list[str]
    split: str


SET = CaptionSet(
    name="flickr8k",
    get="The images are requested from the authors: https://forms.illinois.edu/sec/1713398.",
    karpathy="dataset_flickr8k.json",
    tokens=("Flickr8k.token.txt",),
    tables=("captions.txt",),
    lists={split: (name,) for split, name in LISTS.items()},
)


def check(root: Path, split: str) -> list[Problem]:
    """What is wrong with a folder, in any layout of `CARD.md`."""
    return check_captions(SET, root, split)


def read(root: Path, split: str) -> EvaluationSet:
    """The photos of a split with their captions. Raises `InvalidInput`."""
    return read_captions(SET, root, split)


def read_authors_files(folder: Path) -> Iterator[Row]:
    """Yield the rows of all splits in the lists' order.

    Raises `ValueError` for a listed image without captions.
    """
    captions: dict[str, list[str]] = {}
    for line in (folder / "Flickr8k.token.txt").read_text(encoding="utf-8").splitlines():
        name, _, caption = line.partition("\t")
        captions.setdefault(name.partition("#")[0], []).append(caption.strip())
    for split, file in LISTS.items():
        for image in (folder / file).read_text(encoding="utf-8").split():
            if image not in captions:
                raise ValueError(f"{file} lists {image}, which Flickr8k.token.txt does not describe.")
            yield {"image": image, "captions": captions[image], "split": split}


def main(folder: Path) -> None:
    """Write `captions.jsonl` into the folder."""
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in read_authors_files(folder)]
    (folder / "captions.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
