"""What captions of an image are likely to say, from its vector: objects and phrases.

Written captions are compared with both: an object that a caption names should be visible, and its
phrases should be those that people would use. Names of arrays end in their axes: N images, C names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mm.errors import Corrupt
from mm.metrics.language.objects import default_object_words
from mm.metrics.language.ptb_tokenizer import tokenize
from mm.models.image.linear_head import LinearHead

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mm.metrics.language.ngrams import Tokens
    from mm.numerics import Float32, Float64

OBJECTS, PHRASES = "objects.safetensors", "phrases.safetensors"
PHRASE_LENGTHS = (1, 2)
"""Tokens of a phrase."""


@dataclass(frozen=True, slots=True, eq=False)
class CaptionHeads:
    """The head of objects and the head of phrases of the same image tower."""

    objects: LinearHead
    """Its names are those of `objects.tsv`."""
    phrases: LinearHead
    """Its names are tokens, separated by spaces."""

    def score_objects(self, captions: Sequence[str], images_ND: Float32) -> Float64:
        """Sum (N,) of the log probabilities of the objects that each caption names in its image.

        An object that is named twice counts twice; 0 for a caption without objects.
        """
        column_of = {name: column for column, name in enumerate(self.objects.names)}
        log_probabilities_NC, other = self.objects.predict_log_probabilities(images_ND), float(np.log(self.objects.other_share))
        words = default_object_words()
        scores = np.zeros(len(captions))
        for row, caption in enumerate(captions):
            columns = [column_of.get(name) for name in words.find(tokenize(caption))]
            scores[row] = sum(other if column is None else log_probabilities_NC[row, column] for column in columns)
        return scores

    def score_phrases(self, captions: Sequence[str], images_ND: Float32) -> Float64:
        """Expected overlap (N,) of each caption with captions by people of its image.

        As in CIDEr (Vedantam et al. 2015, arXiv:1411.5726) a phrase has the weight of its inverse
        frequency, w = -log(share), and long captions are no better than short ones: for each length
        of phrases, the sum of w^2 p is divided by the root of the sum of w^2. p is the probability
        of the phrase, 0 for one without a regression.
        """
        column_of = {name: column for column, name in enumerate(self.phrases.names)}
        probability_NC = np.exp(self.phrases.predict_log_probabilities(images_ND))
        weight_C, other = -np.log(self.phrases.share_C.astype(np.float64)), -float(np.log(self.phrases.other_share))
        scores = np.zeros(len(captions))
        for row, caption in enumerate(captions):
            tokens = tokenize(caption)
            for length in PHRASE_LENGTHS:
                columns = [column_of.get(phrase) for phrase in list_phrases(tokens, length)]
                known = [column for column in columns if column is not None]
                squares_K = weight_C[known] ** 2
                total = squares_K.sum() + other**2 * (len(columns) - len(known))
                scores[row] += squares_K @ probability_NC[row, known] / np.sqrt(max(total, 1e-12))
        return scores


def list_phrases(tokens: Tokens, length: int) -> list[str]:
    """The different phrases of a length, in the order of their first place."""
    return list(dict.fromkeys(" ".join(tokens[start : start + length]) for start in range(len(tokens) - length + 1)))


def read_caption_heads(folder: Path, image_weights: str) -> CaptionHeads:
    """Read both heads of a folder. Raises `Corrupt`, also for other weights of the image tower."""
    heads = CaptionHeads(LinearHead.read(folder / OBJECTS), LinearHead.read(folder / PHRASES))
    for name, head in ((OBJECTS, heads.objects), (PHRASES, heads.phrases)):
        if head.image_weights != image_weights:
            raise Corrupt(f"{folder / name} belongs to other weights of the image tower.")
    return heads
