"""Moonshine tiny, English, on a CPU.

Jeffries et al. 2024 (arXiv:2410.15608), with its own voice activity detection; library and weights
(MIT) from the package `moonshine-voice`. Words in other languages become English ones. The library
leaks 35 KB for each second of speech: it is used in a process that is replaced.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm.errors import Unavailable
from mm.media.types import SPEECH_RATE, Waveform
from mm.models.speech.lines import SpeechLine
from mm.models.speech.vad import Interval, detect_activity
from mm.runtimes.memory import release_memory

if TYPE_CHECKING:
    from moonshine_voice.transcriber import Transcriber

LANGUAGE = "en"
_OPTIONS = {"identify_speakers": "false", "return_audio_data": "false"}
_PADDING = SPEECH_RATE // 2  # samples of silence around an interval: the detector of Moonshine needs them to end a line


class Moonshine:
    """A recognizer of English. Used by one thread."""

    def __init__(self, folder: Path) -> None:
        """Load library and weights, 130 MB. Raises `Unavailable` when they do not load."""
        self._transcriber = _load(folder)

    def transcribe(self, waveform: Waveform) -> Iterator[SpeechLine]:
        """Yield the lines of float32 (samples,) at 16 kHz, as the network gives them."""
        for interval in detect_activity(waveform):
            yield from _transcribe(self._transcriber, waveform, interval)
        # The library frees its memory in small blocks, which the C library would keep: 15 MB for
        # each minute of speech, without limit.
        release_memory()


def _transcribe(transcriber: Transcriber, waveform: Waveform, interval: Interval) -> list[SpeechLine]:
    padded = np.pad(waveform[interval.start : interval.end], _PADDING)
    recognized = transcriber.transcribe_without_streaming(padded, SPEECH_RATE).lines
    offset = (interval.start - _PADDING) / SPEECH_RATE
    earliest, latest = interval.start / SPEECH_RATE, interval.end / SPEECH_RATE

    def to_waveform_time(seconds: float) -> float:
        return min(max(offset + seconds, earliest), latest)

    return [
        SpeechLine(to_waveform_time(line.start_time), to_waveform_time(line.start_time + line.duration), line.text, LANGUAGE)
        for line in recognized
    ]


def _load(folder: Path) -> Transcriber:
    try:
        from moonshine_voice.errors import MoonshineError
        from moonshine_voice.moonshine_api import ModelArch
        from moonshine_voice.transcriber import Transcriber
    except (ImportError, OSError) as error:
        raise Unavailable(f"The library of the speech tower does not load: {error}.") from error
    try:
        return Transcriber(folder, ModelArch.TINY, options=_OPTIONS)
    except (MoonshineError, OSError) as error:
        raise Unavailable(f"The speech tower does not load: {error}.") from error
