"""The sound tower's log-mel features by torchaudio, for batches of waveforms on any device.

Names of tensors end in their axes: P patches, T frames, M mel bands.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchaudio.transforms import MelSpectrogram

from mm.models.sound.yamnet import BANDS, FFT, HIGHEST, HOP, LOWEST, OFFSET, RATE, WINDOW


class LogMel(nn.Module):
    """The torch equivalent of `mm.models.sound.yamnet.compute_log_mel`."""

    def __init__(self) -> None:
        super().__init__()
        self.mel = MelSpectrogram(RATE, FFT, WINDOW, HOP, LOWEST, HIGHEST, n_mels=BANDS, power=1, center=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Features (P, T, M) of waveforms (P, PATCH)."""
        features: Tensor = torch.log(self.mel(waveforms) + OFFSET).transpose(1, 2)
        return features
