"""What is heard in a chunk as evidence: the words said, and everything else that sounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mm.media.types import SPEECH_RATE, Span, Waveform
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment, Reader
from mm.spaces.encode.speech import MARGIN, encode_speech

if TYPE_CHECKING:
    from mm.spaces.space import Space


def encode_audio(space: Space, reader: Reader, path: Path, name: str, span: Span, duration: float) -> list[EncodedEvidence]:
    """The lines and the sounds whose middle lies in the span. The sound is decoded once, with a
    margin around the span."""
    around = Span(max(0.0, span.start - MARGIN), min(duration, span.end + MARGIN))
    waveform = reader.waveform(path, name, around)
    first, last = (round((time - around.start) * SPEECH_RATE) for time in (span.start, span.end))
    return [*encode_speech(space, waveform, around.start, span), *encode_sounds(space, waveform[first:last], span.start)]


def encode_sounds(space: Space, waveform: Waveform, offset: float) -> list[EncodedEvidence]:
    """One piece for each window of the waveform in which something sounds and nobody speaks; times
    are from `offset` on."""
    return [
        EncodedEvidence(
            "sound", offset + window.start / SPEECH_RATE, offset + window.end / SPEECH_RATE, window.text, window.vector
        )
        for window in space.sound.encode_windows(waveform)
        if not window.is_speech
    ]


def assign_evidence(segments: Sequence[EncodedSegment], evidence: Sequence[EncodedEvidence]) -> None:
    """Add each piece of evidence to the segment that it overlaps most; the earlier one when two
    tie."""
    for one in evidence:
        most = max(segments, key=lambda segment: min(one.end, segment.end) - max(one.start, segment.start))
        most.evidence.append(one)
