"""Captions as evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.spaces.space import Space


def caption_segments(space: Space, captions: Sequence[tuple[float, float, str]]) -> list[EncodedSegment]:
    """A segment for each caption, from its start, end and text, with the caption as evidence."""
    vectors = space.sentences.embed([text for _, _, text in captions]) if captions else ()
    return [
        EncodedSegment(start, end, 0, [EncodedEvidence("caption", start, end, text, vector)])
        for (start, end, text), vector in zip(captions, vectors, strict=True)
    ]
