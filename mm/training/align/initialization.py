"""Where alignment starts: ImageNet's backbone and classifier, and a linear head in closed form."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mm.models.image.efficientnet_lite_torch import ImageEncoder, load_imagenet_weights

_RIDGE, _CLASS_GAIN = 0.3, 0.6  # picked on Flickr8k dev with the backbone frozen


def build_imagenet_encoder(class_vectors_KD: Tensor, dropout: float = 0.0, drop_path: float = 0.0) -> ImageEncoder:
    """An encoder with ImageNet's weights, the classes' names, and a head of zeros."""
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
def fit_head(encoder: ImageEncoder, pictures_NHWC: Tensor, captions_NTD: Tensor, size: int, batch: int = 256) -> None:
    """Set the head to the ridge regression from features to the mean vector of a picture's
    captions.

    Runs that start from this head can be averaged, and it spares the backbone the large first steps
    of a random head.
    """
    encoder.eval()
    batches = torch.split(pictures_NHWC, batch)
    features_NC = torch.cat([encoder.features(resize_images(rows, size)).double() for rows in batches])
    targets_ND = captions_NTD.mean(1).double()
    mean_C, mean_D = features_NC.mean(0), targets_ND.mean(0)
    centred_NC = features_NC - mean_C
    penalty = _RIDGE * len(features_NC) * features_NC.var(0).mean() * torch.eye(len(mean_C)).to(features_NC)
    weight_CD = torch.linalg.solve(centred_NC.T @ centred_NC + penalty, centred_NC.T @ (targets_ND - mean_D))
    encoder.head.weight.copy_(weight_CD.T)
    encoder.head.bias.copy_(mean_D - mean_C @ weight_CD)


def resize_images(pictures_NHWC: Tensor, size: int) -> Tensor:
    """Whole pictures as the network's input (N, 3, size, size), resampled as serving does."""
    pixels_NCHW = pictures_NHWC.permute(0, 3, 1, 2).float()
    if pixels_NCHW.shape[-2:] == (size, size):
        return pixels_NCHW
    return functional.interpolate(pixels_NCHW, (size, size), mode="bicubic", antialias=True).clamp(0, 255).round()
