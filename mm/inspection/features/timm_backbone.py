"""Vision transformers of timm as backbones, such as DINOv2 and DINOv3, for machines with a GPU.

DINOv2: Oquab et al. 2023, arXiv:2304.07193; DINOv3: Siméoni et al. 2025, arXiv:2508.10104; timm:
Wightman (Apache-2.0). The image is enlarged so that each patch of 8 pixels becomes one token, since
a grid of 14 or 16 pixels misses small defects. Names of tensors end in their axes: N images, H
height, W width, C channels.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mm.errors import Corrupt, InvalidInput, Unavailable
from mm.inspection.features.backbone import STRIDE
from mm.media.types import RGB
from mm.models.openclip.weights import read_tensors
from mm.numerics import Float32

if TYPE_CHECKING:
    import torch

PREFIX = "timm:"
DEPTHS = (0.5, 0.75)
"""Depths, as shares of all blocks, whose outputs are joined: features of the middle are local."""


class TimmBackbone:
    """A vision transformer; a `Backbone`."""

    def __init__(self, name: str, weights: Path | None = None, *, device: str | None = None, download: bool = False) -> None:
        """Load a model such as `timm:vit_small_patch14_dinov2.lvd142m`.

        `weights` is a file with its tensors; without one they are those of timm, which `download`
        allows to be fetched. `device` defaults to a GPU if there is one. Raises `InvalidInput` for
        an unknown name or a model without patches, `Unavailable` without timm or weights, `Corrupt`
        for tensors that do not fit.
        """
        self._name = name if weights is None else f"{name}@{weights}"
        self._module = _create(name.removeprefix(PREFIX), weights, download)
        import torch

        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._module = self._module.eval().requires_grad_(False).to(self._device)
        self._patch = int(self._module.patch_embed.patch_size[0])
        depth = len(self._module.blocks)
        self._blocks = sorted({max(0, round(depth * share) - 1) for share in DEPTHS})
        self._digest = f"{_hash(self._module)}-{'-'.join(map(str, self._blocks))}"

    @property
    def name(self) -> str:
        return self._name

    @property
    def digest(self) -> str:
        return self._digest

    def extract(self, pixels_NHWC: RGB) -> Float32:
        import torch

        settings = self._module.pretrained_cfg
        with torch.inference_mode():
            x_NCHW = torch.from_numpy(np.ascontiguousarray(pixels_NHWC)).to(self._device).permute(0, 3, 1, 2).float() / 255
            mean, std = (torch.tensor(settings[key], device=self._device)[:, None, None] for key in ("mean", "std"))
            size = [side // STRIDE * self._patch for side in pixels_NHWC.shape[1:3]]
            x_NCHW = torch.nn.functional.interpolate((x_NCHW - mean) / std, size, mode="bicubic", antialias=True)
            outputs = self._module.forward_intermediates(
                x_NCHW, indices=self._blocks, norm=True, output_fmt="NCHW", intermediates_only=True
            )
            patches: Float32 = torch.cat(outputs, 1).permute(0, 2, 3, 1).float().cpu().numpy()
        return patches


def _create(model: str, weights: Path | None, download: bool) -> Any:
    """The module with its weights."""
    try:
        import timm
    except ImportError as error:
        raise Unavailable("The package timm is not installed: `pip install --no-deps -r requirements-train.lock`.") from error
    if not timm.is_model(model.split(".")[0]):
        raise InvalidInput(f"timm has no model '{model}'.")
    if weights is None and not download:
        raise Unavailable(f"The weights of {model} are not on this machine: pass their file, or set MM_DOWNLOAD_MODELS=1.")
    try:
        module = timm.create_model(model, pretrained=weights is None, num_classes=0, dynamic_img_size=True)
    except TypeError as error:  # a convolutional network does not take dynamic_img_size
        raise InvalidInput(f"{model} is not a vision transformer.") from error
    if weights is not None:
        tensors: dict[str, torch.Tensor] = read_tensors(weights)
        missing, _ = module.load_state_dict(tensors, strict=False)
        if missing:
            raise Corrupt(f"{weights} does not hold the weights of {model}: {min(missing)} is missing.")
    return module


def _hash(module: Any) -> str:
    """First digits of the hash of all weights, whichever file they came from."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()[:16]
