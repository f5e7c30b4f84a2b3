"""A head on patch vectors, trained on a few marked frames: the method for sequences.

It has no bank, since every frame of such a set shows an object. Vectors of the frame at half and a
quarter of its size are joined, so that a patch has more context, and its mean colour. Log odds are
means over several networks, and over the frame and its mirror image. Names of arrays end in their
axes: H height and W width in pixels, h and w in patches, N patches, C numbers of a patch, D inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mm.errors import InvalidInput
from mm.inspection.features.backbone import Backbone
from mm.inspection.features.framing import Framing, cover_patches, extract_patches
from mm.inspection.head.network import NetworkSettings, PatchNetwork, fit_network
from mm.media.types import RGB
from mm.metrics.inspection.regions import Mask
from mm.numerics import Float32, sigmoid

NETWORK = NetworkSettings(hidden=32, epochs=6)
GAINS = (1.0, 0.8, 1.2, 1.0)
"""Brightness of the copies that are trained on: the frame, and mirrored in each direction."""
NUM_NETWORKS = 5
CONTEXT = (2, 4)
"""By how much the frames are made smaller whose vectors are joined."""
MAX_PATCHES = 300
"""Patches of a copy that are trained on."""


@dataclass(frozen=True, slots=True, eq=False)
class PatchHead:
    """Probability of each patch to be marked, where marked and other patches are equally likely."""

    backbone: Backbone
    framing: Framing
    networks: tuple[PatchNetwork, ...]

    def predict(self, image_HWC: RGB) -> Float32:
        """Probabilities (H, W) at the resolution of the image."""
        scaled_HWC = self.framing.scale(image_HWC)
        mirrored_HWC = np.ascontiguousarray(scaled_HWC[:, ::-1])
        height, width = image_HWC.shape[:2]
        logits_HW = np.zeros((height, width), np.float32)
        for pixels_HWC, step in ((scaled_HWC, 1), (mirrored_HWC, -1)):
            inputs_hwD = extract_inputs(self.backbone, pixels_HWC)
            inputs_ND = inputs_hwD.reshape(-1, inputs_hwD.shape[-1])
            logits_hw = np.mean([network.predict(inputs_ND) for network in self.networks], 0).reshape(inputs_hwD.shape[:2])
            logits_HW += cv2.resize(logits_hw, (width, height), interpolation=cv2.INTER_LINEAR)[:, ::step] / 2
        return sigmoid(logits_HW)


def extract_inputs(backbone: Backbone, scaled_HWC: RGB) -> Float32:
    """Inputs (h, w, D): the vectors of each patch, those of smaller copies there, its colour."""
    fine_hwC = extract_patches(backbone, scaled_HWC)
    size = (fine_hwC.shape[1], fine_hwC.shape[0])
    inputs = [fine_hwC]
    for factor in CONTEXT:
        shape = (max(scaled_HWC.shape[1] // factor, 1), max(scaled_HWC.shape[0] // factor, 1))
        small_HWC = np.asarray(cv2.resize(scaled_HWC, shape, interpolation=cv2.INTER_AREA), np.uint8)
        coarse_hwC = extract_patches(backbone, small_HWC)
        channels = [cv2.resize(np.ascontiguousarray(coarse_hwC[..., each]), size) for each in range(coarse_hwC.shape[-1])]
        inputs.append(np.stack(channels, -1))
    colours_hw3 = cv2.resize(scaled_HWC, size, interpolation=cv2.INTER_AREA)
    return np.concatenate([*inputs, colours_hw3], -1, dtype=np.float32, casting="unsafe")


def fit_patch_head(frames: Sequence[tuple[RGB, Mask]], backbone: Backbone, framing: Framing, seed: int = 0) -> PatchHead:
    """Fit on images (H, W, 3) with their masks (H, W).

    A patch is marked if half of it is. Raises `InvalidInput` when no patch is marked or all are.
    """
    random = np.random.default_rng(seed)
    inputs, labels = [], []
    for image_HWC, mask_HW in frames:
        for copy, gain in enumerate(GAINS):
            flip = (slice(None, None, -1 if copy & 2 else 1), slice(None, None, -1 if copy & 1 else 1))
            lit_HWC = np.clip(np.rint(image_HWC[flip] * np.float32(gain)), 0, 255).astype(np.uint8)
            scaled_HWC = framing.scale(np.ascontiguousarray(lit_HWC))
            inputs_hwD = extract_inputs(backbone, scaled_HWC)
            is_marked_hw = cover_patches(np.ascontiguousarray(mask_HW[flip]), (scaled_HWC.shape[0], scaled_HWC.shape[1]))
            rows = random.permutation(is_marked_hw.size)[:MAX_PATCHES]
            inputs.append(inputs_hwD.reshape(is_marked_hw.size, -1)[rows])
            labels.append(is_marked_hw.ravel()[rows])
    if not labels or np.concatenate(labels).all() or not np.concatenate(labels).any():
        raise InvalidInput(f"The {len(frames)} marked frames have no marked patch, or no other.")
    is_marked_N = np.concatenate(labels)
    share = float(is_marked_N.mean())
    weight_N = np.where(is_marked_N, 0.5 / share, 0.5 / (1 - share)).astype(np.float32)
    inputs_ND = np.concatenate(inputs)
    seeds = range(seed * NUM_NETWORKS, (seed + 1) * NUM_NETWORKS)
    networks = tuple(fit_network(inputs_ND, is_marked_N, weight_N, NETWORK, each) for each in seeds)
    return PatchHead(backbone, framing, networks)
