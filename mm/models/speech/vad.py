"""Voice activity detection by energy: the intervals of a waveform that are not silent.

Silence is not passed to the speech recognizer, and intervals have a bounded length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.media.types import SPEECH_RATE, Waveform

FRAME = SPEECH_RATE // 50  # 20 ms
SILENCE_RMS = 1e-3  # root mean square at or below which a frame is silent: -60 dB of full scale
PAUSE = 50  # more silent frames than this end an interval: 1 s
MARGIN = 15  # frames added at both ends: soft consonants are below the threshold
MAX_LENGTH = 60 * 50  # frames of an interval: 60 s
SEARCH = 10 * 50  # a longer interval is split at the quietest of this many frames before its limit


@dataclass(frozen=True, slots=True)
class Interval:
    """Samples [start, end) of a waveform."""

    start: int
    end: int


def detect_activity(waveform: Waveform) -> list[Interval]:
    """Disjoint intervals, in order, that contain all frames above silence, each at most 60 s."""
    loudness = _loudness(waveform)
    loud = np.flatnonzero(loudness > SILENCE_RMS)
    if not loud.size:
        return []
    breaks = np.flatnonzero(np.diff(loud) > PAUSE)
    firsts, lasts = loud[np.r_[0, breaks + 1]], loud[np.r_[breaks, loud.size - 1]]
    return [
        Interval(start * FRAME, min(end * FRAME, waveform.size))
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)
        for start, end in _split(loudness, max(first - MARGIN, 0), min(last + 1 + MARGIN, loudness.size))
    ]


def _loudness(waveform: Waveform) -> npt.NDArray[np.float32]:
    """Root mean square of each frame; the last frame is padded with zeros."""
    padded = np.pad(waveform, (0, -waveform.size % FRAME)).reshape(-1, FRAME)
    loudness: npt.NDArray[np.float32] = np.sqrt((padded * padded).mean(1))
    return loudness


def _split(loudness: npt.NDArray[np.float32], start: int, end: int) -> list[tuple[int, int]]:
    """Split [start, end) into parts of at most `MAX_LENGTH` frames, at the quietest frames."""
    parts: list[tuple[int, int]] = []
    while end - start > MAX_LENGTH:
        window = start + MAX_LENGTH - SEARCH
        cut = window + int(loudness[window : start + MAX_LENGTH].argmin()) + 1
        parts.append((start, cut))
        start = cut
    return [*parts, (start, end)]
