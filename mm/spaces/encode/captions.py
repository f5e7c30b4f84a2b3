"""Captions as evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.spaces.space import Space


def find_captioned_segment(spans: Sequence[tuple[float, float]]) -> int:
    """The index of the segment of a scene whose middle frame is captioned: that in the middle.

    `spans` are the start and end of each segment in order, at least one.
    """
    middle = (spans[0][0] + spans[-1][1]) / 2
    return next((index for index, (_, end) in enumerate(spans) if end > middle), len(spans) - 1)


def caption_segments(space: Space, captions: Sequence[tuple[float, float, str]]) -> list[EncodedSegment]:
    """A segment for each caption, from its start, end and text, with the caption as evidence."""
    vectors = space.sentences.embed([text for _, _, text in captions]) if captions else ()
    return [
        EncodedSegment(start, end, 0, [EncodedEvidence("caption", start, end, text, vector)])
        for (start, end, text), vector in zip(captions, vectors, strict=True)
    ]
