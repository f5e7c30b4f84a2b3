"""The sound tower's front end by torchaudio: log-mel of many waveforms at once, where they are.

Names of tensors end in their axes: P patches, T frames, M mel bands.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchaudio.transforms import MelSpectrogram

from mm.models.sound.yamnet import BANDS, FFT, HIGHEST, HOP, LOWEST, OFFSET, RATE, WINDOW


class LogMel(nn.Module):
    """Twin of `mm.models.sound_net.log_mel`."""

    def __init__(self) -> None:
        super().__init__()
        self.mel = MelSpectrogram(RATE, FFT, WINDOW, HOP, LOWEST, HIGHEST, n_mels=BANDS, power=1, center=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        """(P, PATCH) to (P, T, M)."""
        found: Tensor = torch.log(self.mel(waveforms) + OFFSET).transpose(1, 2)
        return found
