"""Memory and speed of a speech recognizer over hours of speech, with and without replacement.

The speech is real and looped: recordings that come with the package `moonshine-voice`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mm.bench.meter import cpu_seconds, process_bytes
from mm.evaluation.speech.recordings import read_recordings
from mm.media.types import SPEECH_RATE
from mm.models.speech.tower import SpeechTower

if TYPE_CHECKING:
    from collections.abc import Callable

    from mm.media.types import Waveform
    from mm.models.speech.choice import SpeechOptions

CHUNK_SECONDS = 120.0
"""Audio of one call, as ingest makes them."""
PAUSE_SECONDS = 1.0
"""Silence between two recordings."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was measured when so much audio had been transcribed, since the sample before."""

    minutes: float
    """Audio so far."""
    child_mb: float
    """Largest resident memory (PSS) of the recognizer's process."""
    own_mb: float
    """Largest resident memory (PSS) of this process."""
    processes: int
    """Processes started so far."""
    words: int
    wall_rate: float
    """Seconds of audio for each second on the clock."""
    cpu_rate: float
    """Seconds of audio for each second of processor time."""


@dataclass(frozen=True, slots=True)
class SpeechReport:
    """Samples of one recognizer."""

    recognizer: str
    replaced: bool
    threads: int
    samples: list[Sample]

    def lines(self) -> list[str]:
        """Markdown table."""
        first, last = self.samples[0], self.samples[-1]
        growth = last.child_mb - first.child_mb
        return [
            f"{self.recognizer}, {self.threads or 'all'} threads, {'replaced' if self.replaced else 'never replaced'}:",
            "",
            "| minutes of speech | recognizer MB | this process MB | processes | words | times real time | by processor time |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *(
                f"| {sample.minutes:.0f} | {sample.child_mb:.0f} | {sample.own_mb:.0f} | {sample.processes} | {sample.words} "
                f"| {sample.wall_rate:.1f} | {sample.cpu_rate:.1f} |"
                for sample in self.samples
            ),
            "",
            f"The recognizer has {growth:+.0f} MB from the first row to the last. By processor time, 1 core alone.",
        ]


def run(
    options: SpeechOptions, minutes: float, every: float, on_sample: Callable[[str], None], *, replaces: bool = True
) -> SpeechReport:
    """Transcribe `minutes` of speech, with a sample after each `every` minutes.

    Without `replaces`, one process transcribes all of it. Raises as `SpeechTower`, and
    `Unavailable` without the recordings.
    """
    speech = load_speech()
    tower = SpeechTower(options, max_seconds=0.0 if replaces else float("inf"))
    samples: list[Sample] = []
    done, position = 0.0, 0
    try:
        while done < minutes * 60:
            sample, done, position = _transcribe_some(tower, speech, done, position, every * 60)
            samples.append(sample)
            on_sample(f"{sample.minutes:.0f} min: {sample.child_mb:.0f} MB, {sample.wall_rate:.1f} times real time")
    finally:
        tower.close()
    return SpeechReport(tower.describe(), replaces, options.threads, samples)


def load_speech() -> Waveform:
    """The recordings with pauses, float32 (samples,) at 16 kHz."""
    pause = np.zeros(int(PAUSE_SECONDS * SPEECH_RATE), np.float32)
    return np.concatenate([part for recording in read_recordings() for part in (recording.waveform, pause)])


def _transcribe_some(
    tower: SpeechTower, speech: Waveform, done: float, position: int, seconds: float
) -> tuple[Sample, float, int]:
    length, words = int(CHUNK_SECONDS * SPEECH_RATE), 0
    child = own = 0
    start, cpu, first = time.perf_counter(), cpu_seconds(), done
    while done - first < seconds:
        chunk = speech[np.arange(position, position + length) % len(speech)]
        words += sum(len(line.text.split()) for line in tower.transcribe(chunk))
        position = (position + length) % len(speech)
        done += CHUNK_SECONDS
        pid = tower.process.pid
        child, own = max(child, 0 if pid is None else process_bytes(pid)), max(own, process_bytes())
    audio, wall, used = done - first, time.perf_counter() - start, cpu_seconds() - cpu
    started = tower.process.num_started
    return Sample(done / 60, child / 1e6, own / 1e6, started, words, audio / wall, audio / used), done, position
