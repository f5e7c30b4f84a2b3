"""Selects a caption among the candidates of beam search by its similarity to the image.

The language model alone prefers sentences that are probable for any image. The space judges a whole
sentence: the score of a candidate is its mean log probability plus a weight times the cosine of its
text vector and the vector of the image. Names of arrays end in their axes: C candidates, D
dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.numerics import Float32

SIMILARITY_WEIGHT = 2.0
"""Nats for a cosine of 1: chosen on one half of the images of Flickr8k's split dev."""


@dataclass(frozen=True, slots=True)
class GeneratedCaption:
    """A sentence about an image, '' where the model wrote none."""

    text: str
    logprob: float
    """Mean natural log probability of its tokens, that of the end token included."""


class SentenceEmbedder(Protocol):
    """Unit vectors of texts in the space of the vectors of images, such as `Space.text`."""

    def embed(self, texts: Sequence[str]) -> Float32:
        """Vectors (N, D)."""
        ...


@dataclass(frozen=True, slots=True)
class CaptionRanking:
    """Ranks by log probability and similarity."""

    texts: SentenceEmbedder
    weight: float = SIMILARITY_WEIGHT

    def select(self, candidates: Sequence[GeneratedCaption], image_D: Float32) -> GeneratedCaption:
        """The candidate of the highest score; of equal scores, the first.

        All candidates are embedded in one call. `image_D` is a unit vector.
        """
        if len(candidates) == 1:
            return candidates[0]
        vectors_CD = self.texts.embed([candidate.text for candidate in candidates])
        logprobs_C = np.array([candidate.logprob for candidate in candidates])
        cosines_C = (vectors_CD @ image_D).astype(np.float64)
        return candidates[int(np.argmax(logprobs_C + self.weight * cosines_C))]
