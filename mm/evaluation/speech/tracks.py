"""Recordings joined into tracks: what people upload has more than one word, and one language.

Recordings of one language are joined with pauses until a track is full, so that its language is
identified as in ingest. Whisper reads 30 s at a time, and a recording has 2 s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mm.errors import MediaError, TooLarge, UnsupportedMedia
from mm.media.types import SPEECH_RATE, Span, Waveform

if TYPE_CHECKING:
    from mm.data.tuxpaint import SpokenName
    from mm.evaluation.speech.recordings import Recording
    from mm.media import MediaReader

TRACK_SECONDS = 120.0
"""Longest track: a chunk of ingest."""
PAUSE_SECONDS = 1.0
"""Silence between two recordings."""
LOUDNESS = 0.05
"""Root mean square to which each recording is scaled: their volumes differ by 40 dB."""


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A waveform, float32 (samples,) at 16 kHz, and what is said in it."""

    language: str
    waveform: Waveform
    words: str
    num_recordings: int

    @property
    def seconds(self) -> float:
        return self.waveform.size / SPEECH_RATE


def make_tracks(
    reader: MediaReader, names: Sequence[SpokenName], seconds: float = TRACK_SECONDS, most: int | None = None
) -> Iterator[Track]:
    """Yield the tracks of each language in turn; `most` recordings of a language, default all.

    Recordings that cannot be read are left out.
    """
    for language in sorted({name.language for name in names}):
        parts: list[Waveform] = []
        words: list[str] = []
        for name in [name for name in names if name.language == language][:most]:
            waveform = _read(reader, name)
            if waveform is None:
                continue
            if parts and sum(part.size for part in parts) + waveform.size > seconds * SPEECH_RATE:
                yield _join(language, parts, words)
                parts, words = [], []
            parts += [waveform, np.zeros(int(PAUSE_SECONDS * SPEECH_RATE), np.float32)]
            words.append(name.text)
        if parts:
            yield _join(language, parts, words)


def track_of(recording: Recording) -> Track:
    """One English recording as it is."""
    return Track("en", recording.waveform, recording.words, 1)


def _join(language: str, parts: Sequence[Waveform], words: Sequence[str]) -> Track:
    return Track(language, np.concatenate(parts), " ".join(words), len(words))


def _read(reader: MediaReader, name: SpokenName) -> Waveform | None:
    try:
        info = reader.probe(name.path, name.path.name)
        waveform = reader.waveform(name.path, name.path.name, Span(0.0, info.duration))
    except (MediaError, TooLarge, UnsupportedMedia):
        return None
    loudness = float(np.sqrt(np.square(waveform).mean())) if waveform.size else 0.0
    if not loudness:
        return None
    scaled: Waveform = np.clip(waveform * np.float32(LOUDNESS / loudness), -1, 1).astype(np.float32)
    return scaled
