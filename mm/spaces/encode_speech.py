"""The speech of a chunk as evidence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mm.media.types import Span
from mm.spaces.evidence import EncodedEvidence, EncodedSegment, Reader

if TYPE_CHECKING:
    from mm.models.speech_lines import Line
    from mm.spaces.space import Space

BEFORE, AFTER = 8.0, 12.0
"""Seconds heard on both sides of a chunk, so that a line that crosses its border is heard whole: a line lasts 15 s at most."""


def encode_speech(space: Space, reader: Reader, path: Path, name: str, span: Span, duration: float) -> list[EncodedEvidence]:
    """One piece of evidence for each line that begins in the span. A neighbouring chunk has the lines that begin in it."""
    heard = Span(max(0.0, span.start - BEFORE), min(duration, span.end + AFTER))
    lines = space.speech.transcribe(reader.waveform(path, name, heard))
    return _evidence(space, [line for line in lines if span.start <= heard.start + line.start < span.end], heard.start)


def _evidence(space: Space, lines: Sequence[Line], offset: float) -> list[EncodedEvidence]:
    vectors = space.text.embed([line.text for line in lines])
    return [
        EncodedEvidence("speech", offset + line.start, offset + line.end, line.text, vector)
        for line, vector in zip(lines, vectors, strict=True)
    ]


def attach(segments: Sequence[EncodedSegment], evidence: Sequence[EncodedEvidence]) -> None:
    """Add each piece of evidence to the segment that it overlaps most; the earlier one when two tie."""
    for one in evidence:
        most = max(segments, key=lambda segment: min(one.end, segment.end) - max(one.start, segment.start))
        most.evidence.append(one)
