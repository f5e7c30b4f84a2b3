"""Where a waveform sounds at all: silence must cost nothing, and speech recognition sees pieces of
bounded length only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.media.types import SPEECH_RATE, Waveform

FRAME = SPEECH_RATE // 50  # 20 ms
QUIET = 1e-3  # root mean square below which nobody hears a word: -60 dB of full scale
PAUSE = 50  # frames of quiet that end a stretch: 1 s
MARGIN = 15  # frames kept around a stretch: soft consonants lie below the gate
LONGEST = 60 * 50  # frames of one piece: 60 s
SEARCH = 10 * 50  # frames at a piece's end in which the quietest place to cut is looked for


@dataclass(frozen=True, slots=True)
class Interval:
    """Samples [start, end) of a waveform."""

    start: int
    end: int


def detect_activity(waveform: Waveform) -> list[Interval]:
    """Pieces that hold every sound above the gate, in order, apart from each other, none longer
    than 60 s."""
    loudness = _loudness(waveform)
    loud = np.flatnonzero(loudness > QUIET)
    if not loud.size:
        return []
    breaks = np.flatnonzero(np.diff(loud) > PAUSE)
    firsts, lasts = loud[np.r_[0, breaks + 1]], loud[np.r_[breaks, loud.size - 1]]
    return [
        Interval(start * FRAME, min(end * FRAME, waveform.size))
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)
        for start, end in _bounded(loudness, max(first - MARGIN, 0), min(last + 1 + MARGIN, loudness.size))
    ]


def _loudness(waveform: Waveform) -> npt.NDArray[np.float32]:
    """Root mean square of each frame; the last one is filled up with silence."""
    padded = np.pad(waveform, (0, -waveform.size % FRAME)).reshape(-1, FRAME)
    loudness: npt.NDArray[np.float32] = np.sqrt((padded * padded).mean(1))
    return loudness


def _bounded(loudness: npt.NDArray[np.float32], start: int, end: int) -> list[tuple[int, int]]:
    """[start, end) in parts of bounded length, cut where it is quietest."""
    parts: list[tuple[int, int]] = []
    while end - start > LONGEST:
        window = start + LONGEST - SEARCH
        cut = window + int(loudness[window : start + LONGEST].argmin()) + 1
        parts.append((start, cut))
        start = cut
    return [*parts, (start, end)]
