"""Random augmented views of images, and mixup, a batch at a time on the training device.

Names of tensors end in their axes: N images, C channels, H height, W width, D dimensions of the
space, T captions an image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Views:
    """Strength of the augmentation."""

    smallest_crop: float = 0.4  # of the image's area
    stretch: float = 1.5  # largest change of the aspect ratio
    colour: float = 0.4  # largest relative change of brightness, contrast and saturation
    grey: float = 0.1  # share of views without colour
    cutout: float = 0.5  # share of views with one rectangle blanked
    mixup: float = 0.3  # parameter of the Beta distribution by which two views are blended; 0 disables mixup


def draw_views(images_NHWC: Tensor, size: int, views: Views, random: torch.Generator) -> Tensor:
    """Draw one view (N, 3, size, size), float in 0..255, of each uint8 image (N, H, W, 3)."""
    pixels_NCHW = images_NHWC.permute(0, 3, 1, 2).float()
    pixels_NCHW = _crop(pixels_NCHW, size, views, random)
    pixels_NCHW = _recolour(pixels_NCHW, views, random)
    return _cut_out(pixels_NCHW, views, random).clamp(0, 255)


def draw_captions(vectors_NTD: Tensor, random: torch.Generator) -> Tensor:
    """Draw a unit vector (N, D) an image: one of its captions or, half the time, a blend of two."""
    count_N, count_T, _ = vectors_NTD.shape
    device = vectors_NTD.device
    rows = torch.arange(count_N, device=device)
    first, second = torch.randint(count_T, (2, count_N), generator=random, device=device)
    share_N = _uniform(count_N, 0, 1, random) * (_uniform(count_N, 0, 1, random) < 0.5)
    blend_ND = torch.lerp(vectors_NTD[rows, first], vectors_NTD[rows, second], share_N[:, None])
    return functional.normalize(blend_ND, dim=1)


def add_noise(vectors_ND: Tensor, length: float, random: torch.Generator) -> Tensor:
    """Add a random vector of about this length to each unit vector, and normalise the sum."""
    if length == 0:
        return vectors_ND
    noise_ND = torch.randn(vectors_ND.shape, generator=random, device=random.device) * (length / vectors_ND.shape[1] ** 0.5)
    return functional.normalize(vectors_ND + noise_ND, dim=1)


@dataclass(frozen=True, slots=True)
class Mixup:
    """Index of the row that each row is blended with, and share of the row itself, at least 0.5."""

    other: Tensor
    share: Tensor

    def __call__(self, rows_N: Tensor) -> Tensor:
        """Blend values along the first axis."""
        share = self.share.view(-1, *[1] * (rows_N.ndim - 1))
        return torch.lerp(rows_N[self.other], rows_N, share)


def draw_mixup(count_N: int, alpha: float, random: torch.Generator) -> Mixup:
    """Draw partners and shares (Zhang et al. 2018, arXiv:1710.09412); `alpha` as `Views.mixup`."""
    if alpha == 0:
        return Mixup(torch.arange(count_N, device=random.device), torch.ones(count_N, device=random.device))
    order = torch.randperm(count_N, generator=random, device=random.device)
    # A Beta(a, a) variable from two Gamma(a) ones; torch's Beta takes no generator.
    gammas = torch._standard_gamma(torch.full((2, count_N), alpha, device=random.device), generator=random)
    share_N = gammas[0] / gammas.sum(0).clamp_min(1e-12)
    share_N = torch.maximum(share_N, 1 - share_N)
    return Mixup(order, share_N)


def _uniform(count: int, low: float, high: float, random: torch.Generator) -> Tensor:
    return torch.rand(count, generator=random, device=random.device) * (high - low) + low


def _crop(pixels_NCHW: Tensor, size: int, views: Views, random: torch.Generator) -> Tensor:
    """Crop a random rectangle, flip it half the time, and resample it to size x size."""
    count_N = len(pixels_NCHW)
    area_N = _uniform(count_N, views.smallest_crop, 1, random)
    ratio_N = torch.exp(_uniform(count_N, -math.log(views.stretch), math.log(views.stretch), random))
    width_N, height_N = (area_N * ratio_N).sqrt().clamp_max(1), (area_N / ratio_N).sqrt().clamp_max(1)
    x_N = _uniform(count_N, -1, 1, random) * (1 - width_N)
    y_N = _uniform(count_N, -1, 1, random) * (1 - height_N)
    flip_N = torch.where(_uniform(count_N, 0, 1, random) < 0.5, -1.0, 1.0)
    zero_N = torch.zeros_like(x_N)
    transform = torch.stack([width_N * flip_N, zero_N, x_N, zero_N, height_N, y_N], 1).view(count_N, 2, 3)
    grid = functional.affine_grid(transform, [count_N, 3, size, size], align_corners=False)
    return functional.grid_sample(pixels_NCHW, grid, mode="bicubic", padding_mode="reflection", align_corners=False)


def _recolour(pixels_NCHW: Tensor, views: Views, random: torch.Generator) -> Tensor:
    """Change brightness, contrast and saturation, and remove the colour of some views."""
    count_N = len(pixels_NCHW)
    brightness, contrast, saturation = (
        _uniform(count_N, 1 - views.colour, 1 + views.colour, random)[:, None, None, None] for _ in range(3)
    )
    grey_N = _uniform(count_N, 0, 1, random)[:, None, None, None] < views.grey
    pixels_NCHW = pixels_NCHW * brightness
    mean = pixels_NCHW.mean((1, 2, 3), keepdim=True)
    pixels_NCHW = torch.lerp(mean, pixels_NCHW, contrast)
    weights = torch.tensor([0.299, 0.587, 0.114], device=pixels_NCHW.device)[None, :, None, None]
    luma = (pixels_NCHW * weights).sum(1, keepdim=True)
    return torch.lerp(luma, pixels_NCHW, torch.where(grey_N, 0.0, saturation))


def _cut_out(pixels_NCHW: Tensor, views: Views, random: torch.Generator) -> Tensor:
    """Blank up to a quarter of some views (DeVries & Taylor 2017, arXiv:1708.04552)."""
    count_N, _, height, width = pixels_NCHW.shape
    half_y, half_x = _uniform(count_N, 0.1, 0.25, random), _uniform(count_N, 0.1, 0.25, random)
    centre_y, centre_x = _uniform(count_N, 0, 1, random), _uniform(count_N, 0, 1, random)
    is_cut_N = _uniform(count_N, 0, 1, random) < views.cutout
    y_H = torch.linspace(0, 1, height, device=random.device)
    x_W = torch.linspace(0, 1, width, device=random.device)
    inside_NH = (y_H - centre_y[:, None]).abs() < half_y[:, None]
    inside_NW = (x_W - centre_x[:, None]).abs() < half_x[:, None]
    blank = inside_NH[:, None, :, None] & inside_NW[:, None, None, :] & is_cut_N[:, None, None, None]
    return pixels_NCHW.masked_fill(blank, 127.0)
