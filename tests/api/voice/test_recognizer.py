"""The recognizer of spoken questions: loading, idle time and failures."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from api.voice.recognizer import SpeechRecognizer
from mm.errors import Unavailable
from mm.media.types import Waveform
from mm.models.speech.lines import SpeechLine
from tests.waiting import join_thread

SILENCE = np.zeros(16_000, np.float32)


class FakeTower:
    def __init__(self) -> None:
        self.closed = threading.Event()

    def transcribe(self, waveform: Waveform) -> Sequence[SpeechLine]:
        assert not self.closed.is_set()
        return [SpeechLine(0.0, 1.0, "where is"), SpeechLine(1.0, 2.0, "the dog")]

    def close(self) -> None:
        self.closed.set()


class Loader:
    """Counts how often a tower is loaded; fails as long as `error` is set."""

    def __init__(self) -> None:
        self.towers: list[FakeTower] = []
        self.error: Exception | None = None

    def __call__(self) -> FakeTower:
        if self.error is not None:
            raise self.error
        self.towers.append(FakeTower())
        return self.towers[-1]


def test_recognizer_loads_tower_once_and_joins_lines() -> None:
    load = Loader()
    with SpeechRecognizer(load) as recognizer:
        recognizer.prepare()
        assert recognizer.recognize(SILENCE) == recognizer.recognize(SILENCE) == "where is the dog"
        assert len(load.towers) == 1
    assert load.towers[0].closed.is_set()


def test_recognizer_releases_idle_tower_and_loads_it_again() -> None:
    load = Loader()
    with SpeechRecognizer(load, idle_seconds=0.05) as recognizer:
        recognizer.recognize(SILENCE)
        assert load.towers[0].closed.wait(30)
        recognizer.recognize(SILENCE)
        assert len(load.towers) == 2


def test_recognizer_in_use_is_not_released() -> None:
    started, may_end = threading.Event(), threading.Event()

    class SlowTower(FakeTower):
        def transcribe(self, waveform: Waveform) -> Sequence[SpeechLine]:
            started.set()
            assert may_end.wait(30)
            return super().transcribe(waveform)

    with SpeechRecognizer(SlowTower, idle_seconds=0.01) as recognizer:
        words: list[str] = []
        thread = threading.Thread(target=lambda: words.append(recognizer.recognize(SILENCE)))
        thread.start()
        assert started.wait(30)
        threading.Event().wait(0.1)  # several idle times
        may_end.set()
        join_thread(thread)
    assert words == ["where is the dog"]


def test_recognizer_that_failed_to_load_tries_again() -> None:
    load = Loader()
    load.error = Unavailable("The library does not load.")
    with SpeechRecognizer(load) as recognizer:
        with pytest.raises(Unavailable):
            recognizer.recognize(SILENCE)
        load.error = None
        assert recognizer.recognize(SILENCE) == "where is the dog"
