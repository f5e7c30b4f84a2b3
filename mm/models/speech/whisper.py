"""Whisper on a CPU, of any size, in some hundred languages.

Radford et al. 2022 (arXiv:2212.04356), run in 8-bit weights by faster-whisper and CTranslate2
(MIT). Silero's voice activity detector, part of faster-whisper, removes what is no speech: without
it, Whisper writes sentences into music and noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm.errors import Unavailable
from mm.media.types import SPEECH_RATE, Waveform
from mm.models.speech.choice import FILES, VOCABULARIES
from mm.models.speech.lines import SpeechLine

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

OPTIONAL_FILES = ("preprocessor_config.json",)
_BEAM = 1
_OPTIONS = {
    "beam_size": _BEAM,
    "temperature": 0.0,  # others draw at random: the same audio would give other words each time
    "condition_on_previous_text": False,  # with it, one repeated phrase is repeated to the end
    "vad_filter": True,
}


def read_files(folder: Path) -> dict[str, bytes]:
    """Read the files of a model into memory, so that the process can then give up the disk.

    Raises `Unavailable` when one cannot be read.
    """
    names = [name for name in (*FILES, *VOCABULARIES, *OPTIONAL_FILES) if (folder / name).is_file()]
    try:
        return {name: (folder / name).read_bytes() for name in names}
    except OSError as error:
        raise Unavailable(f"The speech model in {folder} cannot be read: {error}.") from error


def load_libraries() -> None:
    """Import all that recognition needs, also what the libraries import at their first use.

    Raises `Unavailable` when a library does not load.
    """
    silence = np.zeros(SPEECH_RATE, np.float32)
    try:
        from faster_whisper.feature_extractor import FeatureExtractor
        from faster_whisper.vad import get_speech_timestamps

        FeatureExtractor()(silence)
        get_speech_timestamps(silence)
    except Exception as error:  # a broken installation fails in many ways
        raise Unavailable(f"The library faster-whisper does not load: {error}.") from error


class Whisper:
    """A recognizer of many languages. Used by one thread."""

    def __init__(self, folder: Path, files: dict[str, bytes], language: str, threads: int) -> None:
        """Load the network from `files`; `folder` is only named in errors.

        `language` is empty to identify it in each waveform. Raises `Unavailable` for files that are
        no such model, or are damaged, and for a language that the model does not know.
        """
        self._model = _load(folder, files, threads)
        known = self._model.supported_languages
        if language and language not in known:
            raise Unavailable(f"MM_SPEECH_LANGUAGE={language} is none of the languages of the speech model: {', '.join(known)}.")
        self._language = language or (known[0] if len(known) == 1 else None)

    def transcribe(self, waveform: Waveform) -> Iterator[SpeechLine]:
        """Yield the lines of a waveform, float32 (samples,) at 16 kHz, as the network gives them.

        The language is identified once, in the first 30 s of speech.
        """
        segments, info = self._model.transcribe(waveform, language=self._language, **_OPTIONS)
        for segment in segments:
            yield SpeechLine(segment.start, segment.end, segment.text, info.language, is_identified=self._language is None)


def _load(folder: Path, files: dict[str, bytes], threads: int) -> WhisperModel:
    from faster_whisper import WhisperModel

    try:
        return WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True, files=dict(files)
        )
    except Exception as error:  # CTranslate2 and the tokenizer have no class of their own for damaged files
        raise Unavailable(f"The speech model in {folder} is damaged or of another kind, and does not load: {error}.") from error
