"""The speech tower: waveforms to lines of speech with their times, on a CPU, without torch.

The recognizer is Moonshine or Whisper (`mm.models.speech.choice`), in a process of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mm.media.types import Waveform
from mm.models.inputs import require_waveform
from mm.models.speech.choice import RecognizerFiles, SpeechOptions, find_recognizer
from mm.models.speech.lines import SpeechLine, filter_lines, split_line
from mm.models.speech.process import RecognizerProcess
from mm.models.speech.vad import detect_activity
from mm.runtimes import count_usable_cores

MAX_SECONDS = {"moonshine": 600.0, "whisper": 3600.0}
"""Audio after which the process of an engine is replaced. Moonshine leaks 35 KB for each second of
speech, 21 MB until then; Whisper does not grow (`mm bench speech`)."""


class SpeechTower:
    """A speech recognizer. Safe to call from several threads; calls are serialised by a lock."""

    def __init__(
        self, options: SpeechOptions | None = None, *, keep: bool = True, max_seconds: float = 0.0, command: Sequence[str] = ()
    ) -> None:
        """Find the files, and with `keep` start the process: Moonshine takes 170 MB and 0.5 s.

        Without `keep` each call that finds audio above silence starts a process, and ends it
        afterwards: for programs that transcribe rarely. `max_seconds` and `command` replace the
        amount of work of a process and its program. Raises as `find_recognizer`, and `Unavailable`
        when the recognizer does not load.
        """
        options = options or SpeechOptions()
        self._files = find_recognizer(options)
        self._language = options.language
        self._keep = keep
        self._lock = threading.Lock()
        self._process = RecognizerProcess(
            {
                "engine": self._files.engine,
                "folder": str(self._files.folder),
                "language": options.language,
                "threads": options.threads or count_usable_cores(),
            },
            max_seconds or MAX_SECONDS[self._files.engine],
            command,
        )
        if keep:
            self._process.start()

    @property
    def process(self) -> RecognizerProcess:
        """For measurements and tests."""
        return self._process

    def transcribe(self, waveform: Waveform) -> list[SpeechLine]:
        """The lines of speech, in order, with times from the start of the waveform.

        `waveform` is float32 (samples,) at 16 kHz. Raises `InvalidInput` for another shape or
        values that are not finite, `Unavailable` when the recognizer fails.
        """
        require_waveform(waveform)
        if not detect_activity(waveform):
            return []
        with self._started() as process:
            lines = process.transcribe(waveform)
        return [short for line in filter_lines(lines) for short in split_line(line)]

    def close(self) -> None:
        """End the process. A later call would start another."""
        with self._lock:
            self._process.close()

    def describe(self) -> str:
        """One line: network, language, source."""
        return describe_recognizer(self._files, self._language)

    @contextmanager
    def _started(self) -> Iterator[RecognizerProcess]:
        """The recognizer, under the lock."""
        with self._lock:
            try:
                yield self._process
            finally:
                if not self._keep:
                    self._process.close()


def describe_recognizer(files: RecognizerFiles, language: str = "") -> str:
    """One line: network, language, source."""
    if files.engine == "moonshine":
        return "Moonshine tiny, English, 16 kHz, moonshine-voice 0.0.62"
    spoken = f"language {language}" if language else "the language is identified"
    return f"Whisper {files.name}, {spoken}, 16 kHz, faster-whisper"


def check_recognizer(options: SpeechOptions) -> str:
    """Load the recognizer once in its process, and describe it.

    Raises as `SpeechTower`.
    """
    tower = SpeechTower(options)
    tower.close()
    return tower.describe()
