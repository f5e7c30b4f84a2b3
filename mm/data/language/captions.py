"""Caption examples of an image data set, and captions without images that leak no dev or test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mm.data.captioned_images import CaptionedImage, read_captioned_images
from mm.data.language.clauses import clean_caption
from mm.data.translations import read_flickr_ids, read_multi30k
from mm.errors import InvalidInput

EVALUATION_LISTS = ("Flickr_8k.devImages.txt", "Flickr_8k.testImages.txt")
"""Lists of Flickr8k, in its folder `lists`, of the images that no training text may describe."""


@dataclass(frozen=True, slots=True)
class CaptionExample:
    """A caption to learn, and the image that it describes; None for text without an image."""

    image: Path | None
    source: str
    """Number of the image on Flickr, the same in Flickr8k and Flickr30k."""
    text: str
    """A sentence with a period."""
    references: tuple[str, ...]
    """All captions of the image, as sentences with a period."""


def read_caption_examples(folder: Path, split: str) -> list[CaptionExample]:
    """Read one example per caption of a split, in the file's order. Raises `InvalidInput`."""
    return [example for row in read_captioned_images(folder, split) for example in _split_row(row)]


def read_text_only_captions(multi30k: Path, flickr8k: Path, split: str = "train") -> list[CaptionExample]:
    """Read the English captions of Multi30k, task 2 (those of Flickr30k), without images.

    A caption is left out when its image is in dev or test of Flickr8k, when its image is in train
    of Flickr8k, whose captions are read with the image, or when the same sentence describes a dev
    image. Raises `InvalidInput`, also when a list is missing or empty: without it nothing is
    known to be free of leaks.
    """
    left_out = {find_source(row.path) for row in read_captioned_images(flickr8k, "train")}
    for name in EVALUATION_LISTS:
        ids = read_flickr_ids([flickr8k / "lists" / name])
        if not ids:
            raise InvalidInput(f"The list {flickr8k / 'lists' / name} names no image.")
        left_out |= ids
    known = {_normalize(caption) for row in read_captioned_images(flickr8k, "dev") for caption in row.captions}
    examples = []
    for row in read_multi30k(multi30k, split, set(), task=2):
        source = find_source(Path(row["image"]))
        if source not in left_out:
            references = make_sentences(row["en"])
            examples += [CaptionExample(None, source, text, references) for text in references if _normalize(text) not in known]
    return examples


def find_source(image: Path) -> str:
    """The number of an image on Flickr: file names are 'NUMBER_HASH.jpg' or 'NUMBER.jpg'."""
    return image.stem.partition("_")[0]


def make_sentences(captions: Sequence[str]) -> tuple[str, ...]:
    """Captions as sentences with a period; empty ones are left out."""
    return tuple(f"{text}." for caption in captions if (text := clean_caption(caption)))


def _split_row(row: CaptionedImage) -> list[CaptionExample]:
    references = make_sentences(row.captions)
    return [CaptionExample(row.path, find_source(row.path), text, references) for text in references]


def _normalize(caption: str) -> str:
    return " ".join(clean_caption(caption).lower().replace(",", " ").split())
