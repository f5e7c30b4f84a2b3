"""Initial weights: the backbone and classifier of ImageNet, and a linear head in closed form."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mm.models.image.efficientnet_lite_torch import ImageEncoder, load_imagenet_weights

_RIDGE, _CLASS_GAIN = 0.3, 0.6  # chosen on Flickr8k dev with the backbone frozen


def build_imagenet_encoder(class_vectors_KD: Tensor, dropout: float = 0.0, drop_path: float = 0.0) -> ImageEncoder:
    """Build an encoder with the ImageNet weights, the class vectors, and a head of zeros."""
    encoder = ImageEncoder(dropout, drop_path)
    backbone, weight_KC, bias_K = load_imagenet_weights()
    encoder.load_state_dict(backbone, strict=False)
    with torch.no_grad():
        encoder.classes.weight.copy_(weight_KC)
        encoder.classes.bias.copy_(bias_K)
        encoder.class_vectors.copy_(class_vectors_KD - class_vectors_KD.mean(0))
        encoder.class_gain.fill_(_CLASS_GAIN)
        encoder.head.weight.zero_()
        encoder.head.bias.zero_()
    return encoder


@torch.no_grad()
def fit_head(encoder: ImageEncoder, images_NHWC: Tensor, captions_NTD: Tensor, size: int, batch: int = 256) -> None:
    """Set the head to the ridge regression from features to the mean caption vector of an image.

    Runs that start from the same head can be averaged, and the backbone is spared the large first
    steps of a random head.
    """
    encoder.eval()
    batches = torch.split(images_NHWC, batch)
    features_NC = torch.cat([encoder.features(resize_images(rows, size)).double() for rows in batches])
    targets_ND = captions_NTD.mean(1).double()
    mean_C, mean_D = features_NC.mean(0), targets_ND.mean(0)
    centred_NC = features_NC - mean_C
    penalty = _RIDGE * len(features_NC) * features_NC.var(0).mean() * torch.eye(len(mean_C)).to(features_NC)
    weight_CD = torch.linalg.solve(centred_NC.T @ centred_NC + penalty, centred_NC.T @ (targets_ND - mean_D))
    encoder.head.weight.copy_(weight_CD.T)
    encoder.head.bias.copy_(mean_D - mean_C @ weight_CD)


def resize_images(images_NHWC: Tensor, size: int) -> Tensor:
    """Resize whole images to the network's input (N, 3, size, size), as serving does."""
    pixels_NCHW = images_NHWC.permute(0, 3, 1, 2).float()
    if pixels_NCHW.shape[-2:] == (size, size):
        return pixels_NCHW
    return functional.interpolate(pixels_NCHW, (size, size), mode="bicubic", antialias=True).clamp(0, 255).round()
