"""Encode the audio of a chunk: its speech, and all other sounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mm.media.types import SPEECH_RATE, MediaFile, Span, Waveform
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment, Reader

if TYPE_CHECKING:
    from mm.spaces.space import Space

MARGIN = 8.0
"""Seconds of audio decoded before and after a chunk, so that a line of speech across its border is
complete. A line lasts 15 s at most."""


def encode_audio(space: Space, reader: Reader, file: MediaFile, span: Span) -> list[EncodedEvidence]:
    """Encode the lines of speech and the sounds of a span; its audio is decoded once."""
    around = Span(max(0.0, span.start - MARGIN), min(file.info.duration, span.end + MARGIN))
    waveform = reader.waveform(file.path, file.name, around)
    first, last = (round((time - around.start) * SPEECH_RATE) for time in (span.start, span.end))
    return [*encode_speech(space, waveform, around.start, span), *encode_sounds(space, waveform[first:last], span.start)]


def encode_speech(space: Space, waveform: Waveform, offset: float, span: Span) -> list[EncodedEvidence]:
    """Transcribe a waveform that begins at `offset` seconds and encode the lines of the span.

    A line belongs to the span in which its middle lies, so that of two neighbouring chunks exactly
    one has it. Its start does not decide: it lies a little before the shot that it belongs to, and
    chunks are cut between shots.
    """
    lines = [line for line in space.speech.transcribe(waveform) if span.start <= offset + (line.start + line.end) / 2 < span.end]
    vectors = space.embed_speech(lines)
    return [
        EncodedEvidence(
            "speech",
            offset + line.start,
            offset + line.end,
            line.text,
            vector,
            line.language or None,
            is_identified=line.is_identified,
        )
        for line, vector in zip(lines, vectors, strict=True)
    ]


def encode_sounds(space: Space, waveform: Waveform, offset: float) -> list[EncodedEvidence]:
    """Encode the windows of a waveform, which begins at `offset`, that have sound and no speech."""
    return [
        EncodedEvidence(
            "sound", offset + window.start / SPEECH_RATE, offset + window.end / SPEECH_RATE, window.text, window.vector
        )
        for window in space.sound.encode_windows(waveform)
        if not window.is_speech
    ]


def assign_evidence(segments: Sequence[EncodedSegment], evidence: Sequence[EncodedEvidence]) -> None:
    """Add each evidence to the segment that it overlaps longest; in a tie, to the earlier one."""
    for piece in evidence:
        longest = max(segments, key=lambda segment: min(piece.end, segment.end) - max(piece.start, segment.start))
        longest.evidence.append(piece)
