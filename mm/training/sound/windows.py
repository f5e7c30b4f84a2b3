"""Windows of sound drawn at random: cut out, mixed with each other, made louder or softer.

Names of tensors end in their axes: B windows, W samples of a window, P patches of a window.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mm.models.sound.yamnet import PATCH

MIXED = 0.5
"""Share of the windows that another sound is mixed into."""
LOUDNESS, RATIO = (-12.0, 6.0), (-3.0, 15.0)  # dB: of a window, and of a window above what is mixed into it


@dataclass(frozen=True, slots=True)
class Windows:
    """B windows, and which sounds are in them."""

    waveforms: Tensor  # (B, P, W)
    mixed: Tensor  # (B,), the sound mixed in; -1 for none


def draw_windows(
    samples: Tensor, bounds_N2: Tensor, sound_B: Tensor, among: Tensor, patches: int, random: torch.Generator
) -> Windows:
    """A window of so many patches out of each sound, silence behind those that are shorter. `among`
    may be mixed in."""
    count = len(sound_B)
    own = _cut(samples, bounds_N2[sound_B], patches, random)
    other_B = among[torch.randint(len(among), (count,), generator=random)]
    other = _cut(samples, bounds_N2[other_B], patches, random)
    mixed_B = torch.rand(count, generator=random) < MIXED
    ratio_B = _uniform(RATIO, count, random)
    scale_B = _loudness(own) / _loudness(other).clamp(min=1e-4) * 10 ** (-ratio_B / 20)
    both = own + torch.where(mixed_B, scale_B, 0.0)[:, None] * other
    gain_B = 10 ** (_uniform(LOUDNESS, count, random) / 20)
    both = (both * gain_B[:, None]).clamp(-1, 1)
    return Windows(both.reshape(count, patches, PATCH), torch.where(mixed_B, other_B, -1))


def _cut(samples: Tensor, bounds_B2: Tensor, patches: int, random: torch.Generator) -> Tensor:
    start_B, end_B = bounds_B2[:, 0], bounds_B2[:, 1]
    length = patches * PATCH
    room_B = (end_B - start_B - length).clamp(min=0)
    first_B = start_B + (torch.rand(len(start_B), generator=random) * (room_B + 1)).long()
    place_BW = first_B[:, None] + torch.arange(length)
    cut: Tensor = samples[place_BW.clamp(max=len(samples) - 1)].float() / 32768
    return torch.where(place_BW < end_B[:, None], cut, 0.0)


def _loudness(waveforms_BW: Tensor) -> Tensor:
    return waveforms_BW.square().mean(1).sqrt()


def _uniform(ends: tuple[float, float], count: int, random: torch.Generator) -> Tensor:
    return ends[0] + (ends[1] - ends[0]) * torch.rand(count, generator=random)
