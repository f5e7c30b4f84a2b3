"""The speech recognizer of spoken questions, in memory only while questions are spoken."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol, Self

from mm.runtimes.memory import release_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from mm.media.types import Waveform
    from mm.models.speech.lines import SpeechLine

IDLE_SECONDS = 300.0
"""Time without a spoken question after which the recognizer is released: it takes 170 MB, or as
much as the model of Whisper."""


class Tower(Protocol):
    """The methods of `mm.models.speech.tower.SpeechTower` that are used here."""

    def transcribe(self, waveform: Waveform) -> Sequence[SpeechLine]: ...

    def close(self) -> None: ...


class SpeechRecognizer:
    """Loads the speech tower at the first use, and keeps it until no question was spoken for
    `idle_seconds`. Safe to use from several threads."""

    def __init__(self, load: Callable[[], Tower], idle_seconds: float = IDLE_SECONDS) -> None:
        self._load = load
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="speech")
        self._tower: Future[Tower] | None = None
        self._num_users = 0
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._lock:
            self._release()
        self._pool.shutdown(cancel_futures=True)

    def prepare(self) -> None:
        """Begin to load the tower, without waiting: while the question is still being received."""
        with self._lock:
            self._begin()

    def recognize(self, waveform: Waveform) -> str:
        """Return the words of a waveform, float32 (samples,) at 16 kHz; empty without speech.

        Raises `InvalidInput` for another shape, `Unavailable` if the tower does not load.
        """
        with self._lock:
            loading = self._begin()
            self._num_users += 1
        try:
            lines = loading.result().transcribe(waveform)
        finally:
            with self._lock:
                self._num_users -= 1
                if loading.done() and loading.exception() is not None and self._tower is loading:
                    self._tower = None  # the next question tries again
        return " ".join(line.text for line in lines)

    def _begin(self) -> Future[Tower]:
        """Return the tower, and restart the idle time. Requires the lock."""
        if self._tower is None:
            self._tower = self._pool.submit(self._load)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(self._idle_seconds, self._release_if_idle)
        self._timer.daemon = True
        self._timer.start()
        return self._tower

    def _release_if_idle(self) -> None:
        with self._lock:
            if self._num_users:
                self._begin()
            else:
                self._release()

    def _release(self) -> None:
        """Release the tower. Requires the lock."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        tower, self._tower = self._tower, None
        if tower is not None and tower.done() and tower.exception() is None:
            tower.result().close()
            release_memory()
