"""The speech of a chunk as evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.media.types import Span, Waveform
from mm.spaces.encode.evidence import EncodedEvidence

if TYPE_CHECKING:
    from mm.spaces.space import Space

MARGIN = 8.0
"""Seconds heard on both sides of a chunk, so that a line across its border is heard whole. A line
lasts 15 s at most."""


def encode_speech(space: Space, waveform: Waveform, offset: float, span: Span) -> list[EncodedEvidence]:
    """One piece of evidence for each line whose middle lies in the span: of two neighbouring
    chunks, one has it.

    The waveform begins `MARGIN` before the span, at `offset`, and ends as much after it. Not a
    line's start is looked at: it begins a little before the shot it belongs to, and chunks are cut
    between shots.
    """
    lines = [line for line in space.speech.transcribe(waveform) if span.start <= offset + (line.start + line.end) / 2 < span.end]
    vectors = space.sentences.embed([line.text for line in lines])
    return [
        EncodedEvidence("speech", offset + line.start, offset + line.end, line.text, vector)
        for line, vector in zip(lines, vectors, strict=True)
    ]
