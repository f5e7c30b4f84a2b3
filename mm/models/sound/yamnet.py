"""The architecture of YAMNet and its log-mel front end in NumPy.

Front end (see `tower` for the source): 25 ms windows every 10 ms, magnitudes in 64 mel bands from
125 to 7500 Hz, log(x + 0.001). The triangular filters are linear in hertz, as in torchaudio; those
of TensorFlow are linear in mels, which changes the output by at most 0.03.
`mm.training.sound.features` computes the same with torchaudio. Names of arrays end in their axes: P
patches, T frames, M mel bands, F frequencies.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from mm.media.types import SPEECH_RATE, Waveform

RATE: Final = SPEECH_RATE
WINDOW, HOP, FFT = 400, 160, 512  # samples
BANDS, LOWEST, HIGHEST, OFFSET = 64, 125.0, 7500.0, 1e-3
FRAMES = 96
"""Frames of a patch, 0.98 s: the input of the network."""
PATCH = (FRAMES - 1) * HOP + FFT
"""Samples of a patch."""

INPUT, OUTPUT, SCORES = "logmel", "directions", "classes"
"""Names of the input and the outputs of the ONNX graph."""

BLOCKS: Final = ((32, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2), *((512, 512, 1),) * 5,
                 (512, 1024, 2), (1024, 1024, 1))  # fmt: skip
"""The separable convolutions of MobileNet (Howard et al. 2017, arXiv:1704.04861): channels in,
channels out, stride."""
STEM = 32
"""Channels of the first convolution, 3 x 3 with stride 2."""

Float = npt.NDArray[np.float32]


def compute_log_mel(waveforms: Float) -> Float:
    """Log-mel patches (P, FRAMES, BANDS) of waveforms (P, PATCH) at 16 kHz."""
    frames_PTF = np.lib.stride_tricks.sliding_window_view(waveforms, FFT, axis=1)[:, ::HOP]
    magnitude_PTF = np.abs(np.fft.rfft(frames_PTF * _make_window(), axis=2)).astype(np.float32)
    mel_PTM: Float = np.log(magnitude_PTF @ make_mel_filters() + np.float32(OFFSET))
    return mel_PTM


def cut_patches(waveform: Waveform, starts: npt.NDArray[np.int64]) -> Float:
    """The patches (P, PATCH) that begin at these samples, padded with zeros after the end."""
    padded = np.pad(waveform, (0, PATCH))
    return np.stack([padded[start : start + PATCH] for start in starts]) if len(starts) else np.zeros((0, PATCH), np.float32)


@cache
def make_mel_filters() -> Float:
    """Triangular filters (F, M) on the HTK mel scale, linear in hertz, with peaks of 1."""
    frequencies_F = np.linspace(0, RATE // 2, FFT // 2 + 1)
    lowest, highest = (2595 * np.log10(1 + hertz / 700) for hertz in (LOWEST, HIGHEST))
    corners = 700 * (10 ** (np.linspace(lowest, highest, BANDS + 2) / 2595) - 1)
    rising = (frequencies_F[:, None] - corners[:-2]) / np.diff(corners)[:-1]
    falling = (corners[2:] - frequencies_F[:, None]) / np.diff(corners)[1:]
    return np.maximum(np.minimum(rising, falling), 0).astype(np.float32)


@cache
def _make_window() -> Float:
    """A periodic Hann window, centred in the length of the transform."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    return np.pad(window, (FFT - WINDOW) // 2).astype(np.float32)
