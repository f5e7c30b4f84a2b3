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

MARGIN = 8.0
"""Seconds heard on both sides of a chunk, so that a line across its border is heard whole. A line lasts 15 s at most."""


def encode_speech(space: Space, reader: Reader, path: Path, name: str, span: Span, duration: float) -> list[EncodedEvidence]:
    """One piece of evidence for each line whose middle lies in the span: of two neighbouring chunks, one has it.

    Not its start: a line begins a little before the shot it belongs to, and chunks are cut between shots.
    """
    heard = Span(max(0.0, span.start - MARGIN), min(duration, span.end + MARGIN))
    lines = space.speech.transcribe(reader.waveform(path, name, heard))
    return _evidence(space, [line for line in lines if span.start <= _middle(line, heard) < span.end], heard.start)


def _evidence(space: Space, lines: Sequence[Line], offset: float) -> list[EncodedEvidence]:
    vectors = space.sentences.embed([line.text for line in lines])
    return [
        EncodedEvidence("speech", offset + line.start, offset + line.end, line.text, vector)
        for line, vector in zip(lines, vectors, strict=True)
    ]


def _middle(line: Line, heard: Span) -> float:
    return heard.start + (line.start + line.end) / 2


def attach(segments: Sequence[EncodedSegment], evidence: Sequence[EncodedEvidence]) -> None:
    """Add each piece of evidence to the segment that it overlaps most; the earlier one when two tie."""
    for one in evidence:
        most = max(segments, key=lambda segment: min(one.end, segment.end) - max(one.start, segment.start))
        most.evidence.append(one)
