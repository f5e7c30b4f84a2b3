"""Random windows of audio clips: cut out, mixed with another clip, made louder or softer.

Names of tensors end in their axes: B windows, W samples of a window, P patches of a window.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mm.models.sound.yamnet import PATCH

MIXED = 0.5
"""Share of the windows that another clip is mixed into."""
GAIN, RATIO = (-12.0, 6.0), (-3.0, 15.0)
"""Ranges in dB: of the gain, and of the ratio of a window to the clip that is mixed into it."""


@dataclass(frozen=True, slots=True)
class Windows:
    """B windows, and the clips that are mixed in."""

    waveforms: Tensor  # (B, P, W)
    mixed: Tensor  # (B,), the clip that is mixed in; -1 for none


def draw_windows(
    samples: Tensor, bounds_N2: Tensor, clip_B: Tensor, mixable: Tensor, num_patches: int, random: torch.Generator
) -> Windows:
    """Draw a window of `num_patches` from each clip; shorter clips are padded with silence.

    Clips of `mixable` can be mixed in.
    """
    count = len(clip_B)
    own = _cut(samples, bounds_N2[clip_B], num_patches, random)
    other_B = mixable[torch.randint(len(mixable), (count,), generator=random)]
    other = _cut(samples, bounds_N2[other_B], num_patches, random)
    mixed_B = torch.rand(count, generator=random) < MIXED
    ratio_B = _uniform(RATIO, count, random)
    scale_B = _rms(own) / _rms(other).clamp(min=1e-4) * 10 ** (-ratio_B / 20)
    both = own + torch.where(mixed_B, scale_B, 0.0)[:, None] * other
    gain_B = 10 ** (_uniform(GAIN, count, random) / 20)
    both = (both * gain_B[:, None]).clamp(-1, 1)
    return Windows(both.reshape(count, num_patches, PATCH), torch.where(mixed_B, other_B, -1))


def _cut(samples: Tensor, bounds_B2: Tensor, num_patches: int, random: torch.Generator) -> Tensor:
    start_B, end_B = bounds_B2[:, 0], bounds_B2[:, 1]
    length = num_patches * PATCH
    slack_B = (end_B - start_B - length).clamp(min=0)
    first_B = start_B + (torch.rand(len(start_B), generator=random) * (slack_B + 1)).long()
    place_BW = first_B[:, None] + torch.arange(length)
    cut: Tensor = samples[place_BW.clamp(max=len(samples) - 1)].float() / 32768
    return torch.where(place_BW < end_B[:, None], cut, 0.0)


def _rms(waveforms_BW: Tensor) -> Tensor:
    return waveforms_BW.square().mean(1).sqrt()


def _uniform(ends: tuple[float, float], count: int, random: torch.Generator) -> Tensor:
    return ends[0] + (ends[1] - ends[0]) * torch.rand(count, generator=random)
