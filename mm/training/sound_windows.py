"""Windows of sound drawn anew at every step: cut, made louder or softer, mixed with each other, with bands and moments hidden.

Names of tensors end in their axes: B windows, W samples of a window, P patches of a window, T frames, M mel bands.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mm.models.sound_net import PATCH

MIXED = 0.5
"""Share of the windows that another sound is mixed into."""
LOUDNESS, RATIO = (-12.0, 6.0), (-3.0, 15.0)  # dB: of a window, and of a window above what is mixed into it
HIDDEN_FRAMES, HIDDEN_BANDS = 24, 12  # most of each that are hidden


@dataclass(frozen=True, slots=True)
class Windows:
    """B windows, and which sounds are in them."""

    waveforms_BPW: Tensor
    sound_B: Tensor
    mixed_B: Tensor  # the sound mixed in; -1 for none


def draw_windows(
    samples: Tensor, bounds_N2: Tensor, sound_B: Tensor, among: Tensor, patches: int, random: torch.Generator
) -> Windows:
    """A window of so many patches out of each sound; sounds shorter than that are followed by silence. `among` may be mixed in."""
    device = samples.device
    count = len(sound_B)
    own = _cut(samples, bounds_N2[sound_B], patches, random)
    other_B = among[torch.randint(len(among), (count,), generator=random, device=device)]
    other = _cut(samples, bounds_N2[other_B], patches, random)
    mixed_B = torch.rand(count, generator=random, device=device) < MIXED
    ratio_B = _uniform(RATIO, count, random, device)
    scale_B = _loudness(own) / _loudness(other).clamp(min=1e-4) * 10 ** (-ratio_B / 20)
    both = own + torch.where(mixed_B, scale_B, 0.0)[:, None] * other
    gain_B = 10 ** (_uniform(LOUDNESS, count, random, device) / 20)
    both = (both * gain_B[:, None]).clamp(-1, 1)
    return Windows(both.reshape(count, patches, PATCH), sound_B, torch.where(mixed_B, other_B, -1))


def hide(logmel_PTM: Tensor, random: torch.Generator) -> Tensor:
    """Patches with a run of frames and a run of bands at the mean of the patch (SpecAugment, arXiv:1904.08779)."""
    count, frames, bands = logmel_PTM.shape
    device = logmel_PTM.device
    hidden_PTM = (
        _run(count, frames, HIDDEN_FRAMES, random, device)[:, :, None] | _run(count, bands, HIDDEN_BANDS, random, device)[:, None]
    )
    return torch.where(hidden_PTM, logmel_PTM.mean((1, 2), keepdim=True), logmel_PTM)


def _cut(samples: Tensor, bounds_B2: Tensor, patches: int, random: torch.Generator) -> Tensor:
    start_B, end_B = bounds_B2[:, 0], bounds_B2[:, 1]
    length = patches * PATCH
    room_B = (end_B - start_B - length).clamp(min=0)
    first_B = start_B + (torch.rand(len(start_B), generator=random, device=samples.device) * (room_B + 1)).long()
    place_BW = first_B[:, None] + torch.arange(length, device=samples.device)
    cut: Tensor = samples[place_BW.clamp(max=len(samples) - 1)].float() / 32768
    return torch.where(place_BW < end_B[:, None], cut, 0.0)


def _run(count: int, length: int, most: int, random: torch.Generator, device: torch.device) -> Tensor:
    """(P, L) true in one run of up to `most` places."""
    size_P = torch.randint(0, most + 1, (count, 1), generator=random, device=device)
    first_P = (torch.rand((count, 1), generator=random, device=device) * (length - size_P)).long()
    place_L = torch.arange(length, device=device)
    return (place_L >= first_P) & (place_L < first_P + size_P)


def _loudness(waveforms_BW: Tensor) -> Tensor:
    return waveforms_BW.square().mean(1).sqrt()


def _uniform(ends: tuple[float, float], count: int, random: torch.Generator, device: torch.device) -> Tensor:
    return ends[0] + (ends[1] - ends[0]) * torch.rand(count, generator=random, device=device)
