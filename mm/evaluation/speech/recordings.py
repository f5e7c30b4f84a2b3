"""The real recordings of speech that come with the package `moonshine-voice`, and their words."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mm.media.types import SPEECH_RATE, Waveform
from mm.models.wheels import find_package_folder

WORDS = {
    "two_cities.wav": (
        "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, it was "
        "the epoch of belief, it was the epoch of incredulity, it was the season of light, it was the season of darkness, it was "
        "the spring of hope, it was the winter of despair, we had everything before us, we had nothing before us, we were all "
        "going direct to heaven, we were all going direct the other way. In short, the period was so far like the present "
        "period, that some of its noisiest authorities insisted on its being received, for good or for evil, in the superlative "
        "degree of comparison only."
    ),
    "beckett.wav": "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better.",
}
"""By file: Charles Dickens, A Tale of Two Cities; Samuel Beckett, Worstward Ho. Both in English."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A waveform, float32 (samples,) at 16 kHz, and its words."""

    name: str
    waveform: Waveform
    words: str


def read_recordings() -> Iterator[Recording]:
    """Yield the recordings. Raises `Unavailable` when the package is not installed."""
    folder = find_package_folder("moonshine_voice", "moonshine-voice", "recordings of speech") / "assets"
    for name, words in WORDS.items():
        with wave.open(str(folder / name)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16) / 32768
            rate, channels = file.getframerate(), file.getnchannels()
        yield Recording(name, resample(samples.reshape(-1, channels).mean(1), rate), words)


def resample(samples: np.ndarray[tuple[int], np.dtype[np.float64]], rate: int) -> Waveform:
    """Mono samples at `rate` as float32 (samples,) at 16 kHz, by linear interpolation."""
    times = np.arange(int(len(samples) / rate * SPEECH_RATE)) / SPEECH_RATE
    resampled: Waveform = np.interp(times, np.arange(len(samples)) / rate, samples).astype(np.float32)
    return resampled
