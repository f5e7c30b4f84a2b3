"""Selects a caption among the candidates of beam search by what the image shows.

The language model alone prefers sentences that are probable for any image. The score of a candidate
is its mean log probability plus three terms, each with a weight: the cosine of its text vector and
the vector of the image, the log probability that the image shows the objects that it names, and the
expected overlap of its phrases with captions by people. Names of arrays end in their axes: C
candidates, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.numerics import Float32, Float64

SIMILARITY_WEIGHT = 1.0
"""Nats for a cosine of 1. All weights are chosen on one half of Flickr8k's split dev."""
OBJECT_WEIGHT = 0.5
"""For a nat of the log probability of the objects."""
PHRASE_WEIGHT = 1.0
"""For an overlap of 1."""


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


class CaptionScorer(Protocol):
    """Scores captions by what images show, such as `Space.caption_heads`."""

    def score_objects(self, captions: Sequence[str], images_ND: Float32) -> Float64:
        """Log probabilities (N,) of the objects that each caption names, for its image."""
        ...

    def score_phrases(self, captions: Sequence[str], images_ND: Float32) -> Float64:
        """Expected overlap (N,) of each caption with captions by people of its image."""
        ...


@dataclass(frozen=True, slots=True)
class CaptionRanking:
    """Ranks by log probability, similarity, objects and phrases."""

    texts: SentenceEmbedder
    heads: CaptionScorer
    similarity_weight: float = SIMILARITY_WEIGHT
    object_weight: float = OBJECT_WEIGHT
    phrase_weight: float = PHRASE_WEIGHT

    def select(self, candidates: Sequence[GeneratedCaption], image_D: Float32) -> GeneratedCaption:
        """The candidate of the highest score; of equal scores, the first.

        All candidates are scored in one call of each kind. `image_D` is a unit vector.
        """
        if len(candidates) == 1:
            return candidates[0]
        texts = [candidate.text for candidate in candidates]
        images_CD = np.repeat(image_D[None], len(texts), axis=0)
        scores_C = np.array([candidate.logprob for candidate in candidates])
        scores_C += self.similarity_weight * (self.texts.embed(texts) @ image_D).astype(np.float64)
        scores_C += self.object_weight * self.heads.score_objects(texts, images_CD)
        scores_C += self.phrase_weight * self.heads.score_phrases(texts, images_CD)
        return candidates[int(np.argmax(scores_C))]
