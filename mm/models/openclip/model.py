"""The image and text towers of an open_clip model, in torch.

They run in half precision on a GPU and in float32 on a CPU, with the preprocessing and the
tokenizer of the model. CLIP (Radford et al. 2021, arXiv:2103.00020), SigLIP (Zhai et al. 2023,
arXiv:2303.15343) and similar models, by open_clip (MIT).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mm.errors import InvalidInput, MMError, Unavailable
from mm.media.types import RGB
from mm.models.inputs import require_image
from mm.models.openclip.files import ModelFiles, describe_missing_files
from mm.models.openclip.tokenizer import OpenClipTokenizer
from mm.models.openclip.weights import load_tensors, read_tensors

if TYPE_CHECKING:
    import torch

BATCH, GPU_BATCH = 8, 128
"""Images of a batch."""
TEXT_BATCH = 32
"""Texts of a batch."""


class OpenClipModel:
    """A loaded model, shared by both towers. Safe to use from several threads."""

    def __init__(
        self,
        files: ModelFiles,
        *,
        download: bool = False,
        device: str | None = None,
        half: bool | None = None,
        threads: int = 0,
    ) -> None:
        """Load the model.

        `device` defaults to a GPU if there is one; `half` precision defaults to that of a GPU only.
        `threads` sets the threads of torch, 0 leaves them unchanged. Raises `InvalidInput` and
        `Corrupt` for a checkpoint that is refused or does not fit, `Unavailable` for files that are
        not on this machine.
        """
        import torch

        if threads:
            torch.set_num_threads(threads)
        self.files = files
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.half = self.device.type == "cuda" if half is None else half
        self.tokenizer = OpenClipTokenizer(files, download=download)
        self.module = _build(files, download)
        load_tensors(self.module, read_tensors(files.weights), files.weights, files.name)
        # All parameters, norms included: the half precision of open_clip keeps norms in float32 and
        # fails for some text towers. Parameters still require gradients, although none is computed:
        # torch selects kernels by that flag, and other kernels round differently.
        self.module = self.module.eval().to(self.device, torch.float16 if self.half else torch.float32)
        self.preprocess = _make_preprocess(self.module)
        self.size = _get_input_side(self.module)
        self.dim = int(str(files.config["embed_dim"]))

    @property
    def scale(self) -> float:
        """The factor of cosines in training (`logit_scale`)."""
        return float(self.module.logit_scale.exp().item())

    @property
    def bias(self) -> float | None:
        """The bias of cosines in training (`logit_bias`) of a model with a sigmoid loss; None for a
        softmax loss."""
        bias = self.module.logit_bias
        return None if bias is None else float(bias.item())

    def embed_images(self, images: Sequence[RGB]) -> torch.Tensor:
        """Unit rows (N, D), float32, of images of any sizes."""
        import torch

        with torch.inference_mode():
            pixels = torch.stack([self.preprocess(Image.fromarray(image)) for image in images])
            features = self.module.encode_image(
                pixels.to(self.device, torch.float16 if self.half else torch.float32), normalize=False
            )
            return torch.nn.functional.normalize(features.float(), dim=-1)

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Unit rows (N, D), float32."""
        import torch

        with torch.inference_mode():
            features = self.module.encode_text(self.tokenizer.encode(texts).to(self.device), normalize=False)
            return torch.nn.functional.normalize(features.float(), dim=-1)

    def describe(self) -> str:
        """One line, such as `open_clip ViT-B-32, GELU, b32.safetensors, cpu float32`."""
        activation = "QuickGELU" if self.files.config.get("quick_gelu") else "GELU"
        precision = "float16" if self.half else "float32"
        return f"open_clip {self.files.name}, {activation}, {self.files.weights.name}, {self.device.type} {precision}"


class OpenClipImageTower:
    """The image tower; implements `mm.models.types.ImageEmbedder`."""

    def __init__(self, model: OpenClipModel) -> None:
        self._model = model
        self.size, self.dim = model.size, model.dim
        self.batch = GPU_BATCH if model.device.type == "cuda" else BATCH
        """The number of images that `embed` encodes at once."""

    def embed(self, images: Sequence[RGB]) -> npt.NDArray[np.float32]:
        for image in images:
            require_image(image)
        batches = [self._model.embed_images(images[start : start + self.batch]) for start in range(0, len(images), self.batch)]
        return _to_numpy(batches, self.dim)

    def describe(self) -> str:
        preprocess = self._model.module.visual.preprocess_cfg
        return f"{self._model.describe()}, {self.size} px, {preprocess['resize_mode']}, {preprocess['interpolation']}"


class OpenClipTextTower:
    """The text tower; implements `mm.models.types.TextEmbedder`."""

    def __init__(self, model: OpenClipModel) -> None:
        self._model = model
        self.dim, self.max_tokens = model.dim, model.tokenizer.max_tokens

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        batches = [self._model.embed_texts(texts[start : start + TEXT_BATCH]) for start in range(0, len(texts), TEXT_BATCH)]
        return _to_numpy(batches, self.dim)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [min(count, self.max_tokens) for count in self._model.tokenizer.count(texts)]

    def truncation_limit(self, text: str) -> int | None:
        return self.max_tokens if self._model.tokenizer.count([text])[0] > self.max_tokens else None

    def describe(self) -> str:
        return f"{self._model.describe()}, {self.max_tokens} tokens"


def _build(files: ModelFiles, download: bool) -> Any:
    """The network with random weights; only configurations of its components are downloaded."""
    import open_clip

    try:
        with _without_random_weights_warning():
            return open_clip.create_model(
                files.source,
                load_weights=False,
                pretrained_image=False,
                pretrained_text=False,
                force_preprocess_cfg=dict(files.preprocess),
            )
    except MMError:
        raise
    except OSError as error:  # of transformers and timm for a configuration that is not in the caches
        raise Unavailable(
            f"A component of {files.name} cannot be built. {describe_missing_files(files.name, download)}"
        ) from error
    except (TypeError, ValueError, RuntimeError, AssertionError, KeyError) as error:
        raise InvalidInput(f"The configuration of {files.name} is not valid: {error}.") from error


@contextmanager
def _without_random_weights_warning() -> Iterator[None]:
    """Suppress the warning of open_clip about random weights: the weights are loaded afterwards."""

    def is_other(record: logging.LogRecord) -> bool:
        return record.module != "factory" or record.levelno >= logging.ERROR

    root = logging.getLogger()
    root.addFilter(is_other)
    try:
        yield
    finally:
        root.removeFilter(is_other)


def _make_preprocess(module: Any) -> Any:
    from open_clip.transform import PreprocessCfg, image_transform_v2

    return image_transform_v2(PreprocessCfg(**module.visual.preprocess_cfg), is_train=False)


def _get_input_side(module: Any) -> int:
    size = module.visual.preprocess_cfg["size"]
    return int(size) if isinstance(size, int) else math.ceil(max(size))


def _to_numpy(batches: Sequence[torch.Tensor], dim: int) -> npt.NDArray[np.float32]:
    """One array (N, D) on the host; the device computes all batches before the first is copied."""
    return np.concatenate([batch.cpu().numpy() for batch in batches]) if batches else np.zeros((0, dim), np.float32)
