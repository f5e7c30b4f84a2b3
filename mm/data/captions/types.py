"""What all layouts of captioned images give, and what is particular to a set."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mm.data.folder.columns import SPLITS

ALL = "all"
"""The split with every image."""


@dataclass(frozen=True, slots=True)
class CaptionSet:
    """A set of captioned images: its name, and the names of its files in each layout."""

    name: str
    get: str
    """How a person gets the images, one sentence."""
    karpathy: str = ""
    """Karpathy's JSON file."""
    tokens: tuple[str, ...] = ()
    """The authors' file: lines of image, `#`, number, tab, caption."""
    tables: tuple[str, ...] = ()
    """Names of Kaggle's copy: lines of image and caption, with a heading."""
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By split, names of files that list its images."""
    coco: bool = False
    """Whether there may be `captions_*.json` in the format of COCO."""


@dataclass(frozen=True, slots=True)
class CaptionRow:
    """An image as the annotations name it."""

    image: str
    captions: tuple[str, ...]
    split: str
    """Empty where the layout does not say."""
    where: str
    """`dataset_flickr30k.json, image 7`."""
    other_names: tuple[str, ...] = ()
    """Names that the file may have instead."""
    language: str = "en"
    parquet: tuple[Path, int] | None = None
    """File and row, from 0, of an image inside of a Parquet file."""


@dataclass(frozen=True, slots=True)
class Annotations:
    """A layout as it was read."""

    layout: str
    rows: tuple[CaptionRow, ...] = ()

    @property
    def splits(self) -> tuple[str, ...]:
        """Splits of the rows, and `all`."""
        return (*sorted({row.split for row in self.rows if row.split}), ALL)

    def select(self, split: str) -> list[CaptionRow]:
        """Rows of a split."""
        return [row for row in self.rows if split in (ALL, row.split)]


def rename_split(name: str) -> str:
    """`val` is `dev`; `restval`, Karpathy's rest of COCO's validation images, is `train`."""
    lowered = name.strip().lower()
    return "train" if lowered == "restval" else SPLITS.get(lowered, lowered)
