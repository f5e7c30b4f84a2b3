"""The speech tower: waveforms to lines of speech with their times, on a CPU, without torch.

Moonshine tiny, English: Jeffries et al. 2024 (arXiv:2410.15608), with its own voice activity
detection; library and weights (MIT) from the package `moonshine-voice`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm.errors import Unavailable
from mm.media.types import SPEECH_RATE, Waveform
from mm.models.inputs import require_waveform
from mm.models.speech.lines import SpeechLine, filter_lines, split_line
from mm.models.speech.vad import Interval, detect_activity
from mm.models.wheels import find_package_folder
from mm.runtimes.memory import release_memory

if TYPE_CHECKING:
    from moonshine_voice.transcriber import Transcriber

_OPTIONS = {"identify_speakers": "false", "return_audio_data": "false"}
_PADDING = SPEECH_RATE // 2  # samples of silence around an interval: the detector of Moonshine needs them to end a line


class SpeechTower:
    """A speech recognizer. Safe to call from several threads; calls are serialised by a lock."""

    def __init__(self, *, keep: bool = True) -> None:
        """Load library and weights, 130 MB.

        Without `keep` each call that finds audio above silence loads them, 0.25 s, and releases
        them afterwards: for processes that transcribe rarely. Raises `Unavailable` when the package
        is not installed or its library does not load.
        """
        self._folder = _find_model_folder()
        self._kept = _load(self._folder) if keep else None
        self._lock = threading.Lock()

    def transcribe(self, waveform: Waveform) -> list[SpeechLine]:
        """The lines of speech, in order, with times from the start of the waveform.

        `waveform` is float32 (samples,) at 16 kHz. Raises `InvalidInput` for another shape or
        values that are not finite.
        """
        require_waveform(waveform)
        intervals = detect_activity(waveform)
        if not intervals:
            return []
        with self._loaded() as transcriber:
            lines = [line for interval in intervals for line in _transcribe(transcriber, waveform, interval)]
        # The library frees its memory in small blocks, which the C library would keep: 15 MB for
        # each minute of speech, without limit.
        release_memory()
        return [short for line in filter_lines(lines) for short in split_line(line)]

    def close(self) -> None:
        """Release the memory of the library; not to be used afterwards."""
        if self._kept is not None:
            with self._lock:
                self._kept.close()

    def describe(self) -> str:
        """One line: network, language, source."""
        return "Moonshine tiny, English, 16 kHz, moonshine-voice 0.0.62"

    @contextmanager
    def _loaded(self) -> Iterator[Transcriber]:
        """The recognizer, under the lock."""
        with self._lock:
            if self._kept is not None:
                yield self._kept
                return
            transcriber = _load(self._folder)
            try:
                yield transcriber
            finally:
                transcriber.close()


def _transcribe(transcriber: Transcriber, waveform: Waveform, interval: Interval) -> list[SpeechLine]:
    padded = np.pad(waveform[interval.start : interval.end], _PADDING)
    recognized = transcriber.transcribe_without_streaming(padded, SPEECH_RATE).lines
    offset = (interval.start - _PADDING) / SPEECH_RATE
    earliest, latest = interval.start / SPEECH_RATE, interval.end / SPEECH_RATE

    def to_waveform_time(seconds: float) -> float:
        return min(max(offset + seconds, earliest), latest)

    return [
        SpeechLine(to_waveform_time(line.start_time), to_waveform_time(line.start_time + line.duration), line.text)
        for line in recognized
    ]


def _find_model_folder() -> Path:
    folder = find_package_folder("moonshine_voice", "moonshine-voice", "the speech tower") / "assets" / "tiny-en"
    if not folder.is_dir():
        raise Unavailable("This release of moonshine-voice has no weights: install the version of requirements.lock.")
    return folder


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
