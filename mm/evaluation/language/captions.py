"""Captions of a data set by the language model, beside two baselines in the same run.

The baselines are the caption of the training image with the nearest vector, and the untouched base
model, which sees no image. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mm.data.captioned_images import read_image
from mm.data.language.captions import make_sentences
from mm.generation.caption_ranking import GeneratedCaption
from mm.metrics.language import caption_report
from mm.metrics.report import Report

if TYPE_CHECKING:
    from mm.data.captioned_images import CaptionedImage
    from mm.generation.captioner import ImageCaptioner
    from mm.models.image.map_tower import ImageFeatures, ImageMapTower
    from mm.models.types import ImageEmbedder
    from mm.numerics import Float32

Progress = Callable[[str], None]
"""Called with a line of text."""

PROGRESS_IMAGES = 100
BATCH = 64


@dataclass(frozen=True, slots=True)
class Captions:
    """One caption for each image, and what wrote them."""

    by: str
    texts: tuple[str, ...]
    logprobs: tuple[float, ...] = ()
    """Mean log probability of the tokens of each; none of a baseline."""

    def by_name(self, rows: Sequence[CaptionedImage]) -> dict[str, GeneratedCaption]:
        """The captions by the file names of their images; for those of a language model."""
        return {
            row.path.name: GeneratedCaption(text, logprob)
            for row, text, logprob in zip(rows, self.texts, self.logprobs, strict=True)
        }


def write_captions(
    by: str, captioner: ImageCaptioner, tower: ImageMapTower, rows: Sequence[CaptionedImage], on_progress: Progress
) -> Captions:
    """Caption the images of a data set. Raises `InvalidInput` for an image that cannot be read."""
    captions = [GeneratedCaption("", 0.0)] * len(rows)
    for count, (number, caption) in enumerate(captioner.caption(_encode_images(tower, rows)), start=1):
        captions[number] = caption
        if count % PROGRESS_IMAGES == 0:
            on_progress(f"{by}: {count:,} of {len(rows):,} images")
    return Captions(by, tuple(caption.text for caption in captions), tuple(caption.logprob for caption in captions))


def copy_nearest_captions(
    tower: ImageEmbedder, rows: Sequence[CaptionedImage], train: Sequence[CaptionedImage], on_progress: Progress
) -> Captions:
    """The first caption of the training image whose vector is nearest to that of each image."""
    on_progress(f"nearest training captions: {len(train):,} training images")
    train_ND = _embed_images(tower, train)
    nearest = (_embed_images(tower, rows) @ train_ND.T).argmax(1)
    return Captions("nearest training image", tuple(make_sentences(train[index].captions)[0] for index in nearest))


def report_captions(captions: Captions, rows: Sequence[CaptionedImage], split: str) -> Report:
    """Report BLEU, ROUGE-L, CIDEr-D and unsupported object words, with intervals."""
    references = [make_sentences(row.captions) for row in rows]
    return caption_report(f"{len(rows):,} images of {split}, captions by {captions.by}", captions.texts, references)


def _encode_images(tower: ImageMapTower, rows: Sequence[CaptionedImage]) -> Iterator[ImageFeatures]:
    for row in rows:
        yield tower.encode([read_image(row.path)])[0]


def _embed_images(tower: ImageEmbedder, rows: Sequence[CaptionedImage]) -> Float32:
    batches = (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))
    return np.concatenate([tower.embed([read_image(row.path) for row in batch]) for batch in batches])
