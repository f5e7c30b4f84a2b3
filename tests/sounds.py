"""Sounds made of sines and noise, 16 kHz, of classes of YAMNet."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from mm.media.types import SPEECH_RATE, Waveform


def siren(seconds: float) -> Waveform:
    """A tone that rises and falls once a second."""
    times = np.arange(round(seconds * SPEECH_RATE)) / SPEECH_RATE
    pitch = 800 + 400 * np.sin(2 * np.pi * times)
    phase = 2 * np.pi * np.cumsum(pitch) / SPEECH_RATE
    return (0.4 * np.sign(np.sin(phase)) * 0.5 + 0.2 * np.sin(phase)).astype(np.float32)


def bell(seconds: float, seed: int = 0) -> Waveform:
    """Decaying partials that start every two seconds."""
    times = np.arange(round(seconds * SPEECH_RATE)) / SPEECH_RATE
    since = times % 2.0
    partials = (1.0, 2.0, 2.4, 3.0, 4.5, 5.33)
    pitch = 440 + 20 * seed
    rung = sum(np.exp(-since * (1 + 0.5 * i)) * np.sin(2 * np.pi * pitch * partial * since) for i, partial in enumerate(partials))
    return (0.12 * np.asarray(rung)).astype(np.float32)


def noise(seconds: float, seed: int = 0) -> Waveform:
    """White noise, as of rain or a radio between stations."""
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * SPEECH_RATE))).astype(np.float32)


def silence(seconds: float) -> Waveform:
    return np.zeros(round(seconds * SPEECH_RATE), np.float32)


def write_wav(path: Path, waveform: Waveform) -> Path:
    """As 16-bit WAV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SPEECH_RATE)
        file.writeframes(np.round(np.clip(waveform, -1, 1) * 32767).astype("<i2").tobytes())
    return path
