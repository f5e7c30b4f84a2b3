"""The speech tower: waveforms to lines of words with their times, on a CPU, without torch.

Moonshine tiny, English: Jeffries et al. 2024 (arXiv:2410.15608), with its own voice activity
detection; library and weights (MIT) from the wheel `moonshine-voice`.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm.errors import InvalidInput, Unavailable
from mm.media.types import SPEECH_RATE, Waveform
from mm.models.speech.lines import SpeechLine, filter_lines, split_line
from mm.models.speech.vad import Interval, detect_activity
from mm.runtimes.memory import release_memory

if TYPE_CHECKING:
    from moonshine_voice.transcriber import Transcriber

_OPTIONS = {"identify_speakers": "false", "return_audio_data": "false"}
_PADDING = SPEECH_RATE // 2  # samples of silence around a piece: the detector needs some to see a line's end


class SpeechTower:
    """A recogniser. Safe to call from several threads; calls run one after the other."""

    def __init__(self, *, keep: bool = True) -> None:
        """Load library and weights. Without `keep` they are loaded by each call that hears
        something, a quarter of a second, and given back after it, 130 MB: for processes that
        transcribe now and then.

        Raises `Unavailable` when the wheel is not installed or its library does not load.
        """
        self._folder = _model_folder()
        self._kept = _load(self._folder) if keep else None
        self._lock = threading.Lock()

    def transcribe(self, waveform: Waveform) -> list[SpeechLine]:
        """What is said, in order; times from the waveform's start. Silence is not looked at.

        `waveform` is (samples,) float32 at 16 kHz. Raises `InvalidInput` for another shape or
        values that are not finite.
        """
        if waveform.ndim != 1 or waveform.dtype != np.float32 or not np.isfinite(waveform).all():
            raise InvalidInput(f"A waveform must be finite float32 (samples,), not {waveform.dtype} {waveform.shape}.")
        pieces = detect_activity(waveform)
        if not pieces:
            return []
        with self._loaded() as transcriber:
            lines = [line for piece in pieces for line in _transcribe(transcriber, waveform, piece)]
        # The library frees what it took, in pieces that the C library would keep: 15 MB a minute of
        # speech, and no end to it.
        release_memory()
        return [part for line in filter_lines(lines) for part in split_line(line)]

    def describe(self) -> str:
        """One line for a person: network, language, source."""
        return "Moonshine tiny, English, 16 kHz, moonshine-voice 0.0.62"

    @contextmanager
    def _loaded(self) -> Iterator[Transcriber]:
        """The recogniser, for one caller at a time."""
        with self._lock:
            if self._kept is not None:
                yield self._kept
                return
            transcriber = _load(self._folder)
            try:
                yield transcriber
            finally:
                transcriber.close()


def _transcribe(transcriber: Transcriber, waveform: Waveform, piece: Interval) -> list[SpeechLine]:
    padded = np.pad(waveform[piece.start : piece.end], _PADDING)
    found = transcriber.transcribe_without_streaming(padded, SPEECH_RATE).lines
    first = (piece.start - _PADDING) / SPEECH_RATE
    lowest, highest = piece.start / SPEECH_RATE, piece.end / SPEECH_RATE

    def clock(seconds: float) -> float:
        return min(max(first + seconds, lowest), highest)

    return [SpeechLine(clock(line.start_time), clock(line.start_time + line.duration), line.text) for line in found]


def _model_folder() -> Path:
    spec = importlib.util.find_spec("moonshine_voice")
    if spec is None or spec.origin is None:
        raise Unavailable("The wheel moonshine-voice, which carries the speech tower, is not installed.")
    folder = Path(spec.origin).parent / "assets" / "tiny-en"
    if not folder.is_dir():
        raise Unavailable("This release of moonshine-voice carries no weights; the lock file names one that does.")
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
