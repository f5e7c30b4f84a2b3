"""Features of images as the language model reads them, in several views, held on the device.

Names of tensors end in their axes: N images, V views, H height, W width, P places, C channels, D
dimensions of the space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from mm.data.captioned_images import load_images
from mm.models.image.efficientnet_lite_torch import ImageEncoder
from mm.models.language.media_prefix.network_torch import pool_maps
from mm.training.align.augment import Views, draw_views
from mm.training.language.sequences.batches import Media

CROPS = Views(smallest_crop=0.65, stretch=1.15, colour=0.0, grey=0.0, cutout=0.0, mixup=0.0)
"""Augmentation of the views after the whole image and its mirror image."""
_BATCH = 200


@dataclass(frozen=True, slots=True, eq=False)
class ImageFeatures:
    """Pooled maps (V, N, P, C) and vectors (V, N, D) of the views of images, in half precision."""

    maps_VNPC: Tensor
    vectors_VND: Tensor

    def to(self, device: torch.device) -> ImageFeatures:
        """The same on a device."""
        return ImageFeatures(self.maps_VNPC.to(device), self.vectors_VND.to(device))

    def get_media(self, rows_N: Tensor, views_N: Tensor | None = None) -> Media:
        """Images by row, each in a view; without views, whole."""
        views_N = torch.zeros_like(rows_N) if views_N is None else views_N
        return Media(self.vectors_VND[views_N, rows_N].float(), self.maps_VNPC[views_N, rows_N])

    def draw_media(self, rows_N: Tensor) -> Media:
        """Images by row, each in a random view."""
        views_N = torch.randint(len(self.maps_VNPC), rows_N.shape, device=rows_N.device)
        return self.get_media(rows_N, views_N)


@torch.no_grad()
def compute_features(
    encoder: ImageEncoder, files: Sequence[Path], size: int, grid: int, num_views: int, seed: int, device: torch.device
) -> ImageFeatures:
    """Encode files: the whole image, then its mirror image, then random crops.

    Raises `InvalidInput` for a file that cannot be read.
    """
    encoder = encoder.to(device).eval()
    random = torch.Generator(device).manual_seed(seed)
    images_NHWC = torch.from_numpy(load_images(files, size))
    views = [
        [_encode(encoder, rows.to(device), view, size, grid, random) for rows in torch.split(images_NHWC, _BATCH)]
        for view in range(num_views)
    ]
    return ImageFeatures(
        torch.stack([torch.cat([maps for maps, _ in parts]) for parts in views]),
        torch.stack([torch.cat([vectors for _, vectors in parts]) for parts in views]),
    )


def _encode(
    encoder: ImageEncoder, images_NHWC: Tensor, view: int, size: int, grid: int, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    if view < 2:
        pixels_NCHW = images_NHWC.permute(0, 3, 1, 2).float()
        pixels_NCHW = pixels_NCHW.flip(3) if view == 1 else pixels_NCHW
    else:
        pixels_NCHW = draw_views(images_NHWC, size, CROPS, random)
    map_NCHW = encoder.feature_map(pixels_NCHW)
    vectors_ND, _ = encoder.project(map_NCHW.mean((2, 3)))
    return pool_maps(map_NCHW.permute(0, 2, 3, 1), grid).half(), vectors_ND.half()
