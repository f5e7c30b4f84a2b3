"""Selects a caption among the candidates of beam search by what the image shows.

The language model alone prefers sentences that are probable for any image. The score of a candidate
is its mean log probability plus a weight times the cosine of its text vector and the vector of the
image, plus a weight times the log probability that the image shows the objects that it names. Names
of arrays end in their axes: C candidates, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.numerics import Float32, Float64

SIMILARITY_WEIGHT = 2.0
"""Nats for a cosine of 1. Both weights are chosen on one half of Flickr8k's split dev."""
OBJECT_WEIGHT = 0.2
"""For a nat of the log probability of the objects."""


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


class ObjectScorer(Protocol):
    """Log probabilities of the objects that captions name, such as `Space.object_head`."""

    def score_captions(self, captions: Sequence[str], images_ND: Float32) -> Float64:
        """Sums (N,) over the objects of each caption, for its image."""
        ...


@dataclass(frozen=True, slots=True)
class CaptionRanking:
    """Ranks by log probability, similarity and objects."""

    texts: SentenceEmbedder
    objects: ObjectScorer
    similarity_weight: float = SIMILARITY_WEIGHT
    object_weight: float = OBJECT_WEIGHT

    def select(self, candidates: Sequence[GeneratedCaption], image_D: Float32) -> GeneratedCaption:
        """The candidate of the highest score; of equal scores, the first.

        All candidates are embedded in one call. `image_D` is a unit vector.
        """
        if len(candidates) == 1:
            return candidates[0]
        texts = [candidate.text for candidate in candidates]
        logprobs_C = np.array([candidate.logprob for candidate in candidates])
        cosines_C = (self.texts.embed(texts) @ image_D).astype(np.float64)
        objects_C = self.objects.score_captions(texts, np.repeat(image_D[None], len(texts), axis=0))
        return candidates[int(np.argmax(logprobs_C + self.similarity_weight * cosines_C + self.object_weight * objects_C))]
