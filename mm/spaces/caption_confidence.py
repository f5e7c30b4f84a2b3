"""Confidence in a caption: how probable it is, by the space, that a text describes an image.

A model that writes captions is as fluent about a photo unlike its training data as about any other.
The space judges the sentence: the caption is compared with its image as the text of a query is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.numerics import sigmoid
from mm.spaces.query import build_query

if TYPE_CHECKING:
    from mm.spaces.space import Space
    from mm.spaces.types import Vector


def measure_confidence(space: Space, caption: str, image: Vector) -> float:
    """Probability in 0..1 that a caption matches an image (D,), as for the text of a query.

    It has the prior of the space, so that a caption from 0.5 on is more probable to describe the
    image than not, even if it were one of many texts. 0 for an empty caption, and in a space that
    compares no text with images.
    """
    if not caption.strip():
        return 0.0
    evidence_queries = build_query(space, text=caption).evidence_queries
    query = next((query for query in evidence_queries if query.kind == "picture"), None)
    return 0.0 if query is None else float(sigmoid(query.logits(image[None]))[0])
