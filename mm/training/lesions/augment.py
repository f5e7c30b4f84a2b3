"""Random views of ultrasound images and their masks, a batch at a time on the training device.

Names of tensors end in their axes: N images, H height, W width; positions are -1..1 from edge to
edge, x before y.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from mm.training.lesions.recipe import Augmentation

_GRID = 7
"""Nodes of the elastic displacement along a side."""


def draw_lesion_views(
    grey_NHW: Tensor, mask_NHW: Tensor, size: int, settings: Augmentation, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Views (N, 1, size, size) in 0..255, and their masks (N, 1, size / 2, size / 2) in 0..1.

    Takes uint8 images and bool masks (N, H, W). A mask has the resolution of the logits: a value is
    the share of the place that lies inside.
    """
    grid = _draw_grid(len(grey_NHW), size, settings, random)
    grey = functional.grid_sample(grey_NHW[:, None].float(), grid, padding_mode="zeros", align_corners=False)
    mask = functional.grid_sample(mask_NHW[:, None].float(), grid, padding_mode="zeros", align_corners=False)
    grey = _change_brightness(grey, settings, random)
    grey = _add_artefacts(grey, settings, random)
    return grey.clamp(0, 255), functional.avg_pool2d(mask, 2)


def _draw_grid(count_N: int, size: int, settings: Augmentation, random: torch.Generator) -> Tensor:
    """Source positions (N, size, size, 2): affine maps, mirroring, elastic displacements."""

    def draw(low: float, high: float) -> Tensor:
        return _uniform(count_N, low, high, random)

    is_crop_N = draw(0, 1) < settings.crops
    limit = math.log(settings.zoom)
    zoom_N = torch.exp(torch.where(is_crop_N, draw(0.3, math.log(settings.crop_zoom)), draw(-limit, limit)))
    ratio_N = torch.exp(draw(-math.log(settings.stretch), math.log(settings.stretch)) / 2)
    angle_N = torch.deg2rad(draw(-settings.angle, settings.angle))
    mirror_N = torch.where(draw(0, 1) < 0.5, -1.0, 1.0)
    reach_N = torch.where(is_crop_N, 1 - 1 / zoom_N, torch.full_like(zoom_N, 2 * settings.shift))
    x_N, y_N = draw(-1, 1) * reach_N, draw(-1, 1) * reach_N
    cos_N, sin_N = angle_N.cos() / zoom_N, angle_N.sin() / zoom_N
    rows = [cos_N * ratio_N * mirror_N, -sin_N / ratio_N, x_N, sin_N * ratio_N * mirror_N, cos_N / ratio_N, y_N]
    grid = functional.affine_grid(torch.stack(rows, 1).view(count_N, 2, 3), [count_N, 1, size, size], align_corners=False)
    nodes = torch.randn(count_N, 2, _GRID, _GRID, generator=random, device=random.device) * (2 * settings.elastic)
    shift = functional.interpolate(nodes, size=(size, size), mode="bicubic", align_corners=True)
    return grid + shift.permute(0, 2, 3, 1)


def _change_brightness(grey: Tensor, settings: Augmentation, random: torch.Generator) -> Tensor:
    """Change gamma, gain and the gain along the depth."""
    count_N, _, height, _ = grey.shape

    def draw(low: float, high: float) -> Tensor:
        return _uniform(count_N, low, high, random)[:, None, None, None]

    limit = math.log(settings.gamma)
    grey = 255 * (grey.clamp(0, 255) / 255).clamp_min(1e-4) ** torch.exp(draw(-limit, limit))
    depth_H = torch.linspace(-1, 1, height, device=grey.device)[None, None, :, None]
    gain = draw(-settings.gain, settings.gain) + draw(-settings.depth_gain, settings.depth_gain) * depth_H
    return grey * torch.exp(gain)


def _add_artefacts(grey: Tensor, settings: Augmentation, random: torch.Generator) -> Tensor:
    """Speckle, loss of resolution, a shadow in the direction of the beam, a blank rectangle."""
    count_N, _, height, width = grey.shape
    device = grey.device

    def draw(low: float, high: float) -> Tensor:
        return _uniform(count_N, low, high, random)[:, None, None, None]

    coarse = functional.interpolate(grey, scale_factor=0.5, mode="bilinear", align_corners=False, antialias=True)
    coarse = functional.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)
    grey = torch.where(draw(0, 1) < settings.blur, coarse, grey)
    noise = torch.randn(count_N, 1, height // 2, width // 2, generator=random, device=device)
    noise = functional.interpolate(noise, size=(height, width), mode="bilinear", align_corners=False)
    grey = grey * (1 + draw(0, settings.speckle) * noise)
    x_W = torch.linspace(-1, 1, width, device=device)[None, None, None, :]
    y_H = torch.linspace(-1, 1, height, device=device)[None, None, :, None]
    half_width = draw(0.05, 0.25) * (1 + 0.3 * y_H)
    in_band = torch.sigmoid((half_width - (x_W - draw(-1, 1) - draw(-0.2, 0.2) * y_H).abs()) / 0.04)
    in_band = in_band * torch.sigmoid((y_H - draw(-1, 0.5)) / 0.1)
    is_shadowed = (draw(0, 1) < settings.shadow).float()
    grey = grey * (1 - in_band * is_shadowed * draw(0.3, 0.85))
    inside = ((x_W - draw(-1, 1)).abs() < draw(0.1, 0.3)) & ((y_H - draw(-1, 1)).abs() < draw(0.1, 0.3))
    return grey.masked_fill(inside & (draw(0, 1) < settings.cutout), 0.0)


def _uniform(count: int, low: float, high: float, random: torch.Generator) -> Tensor:
    return torch.rand(count, generator=random, device=random.device) * (high - low) + low
