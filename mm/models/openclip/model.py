"""An open_clip model as two towers: torch modules in half precision on a GPU, in float32 on a CPU,
with the model's own preprocessing and tokenizer.

Radford et al. 2021 (arXiv:2103.00020), Zhai et al. 2023 (arXiv:2303.15343) and their kin, by
open_clip (MIT).
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
from mm.models.openclip.files import ModelFiles, describe_missing_files
from mm.models.openclip.tokenizer import OpenClipTokenizer
from mm.models.openclip.weights import load_tensors, read_tensors

if TYPE_CHECKING:
    import torch

BATCH, GPU_BATCH = 8, 128
"""Pictures that pass through the model at once."""
TEXT_BATCH = 32
"""Texts that pass through it at once."""


class OpenClipModel:
    """A loaded model, which both towers share. Safe to use from several threads."""

    def __init__(
        self,
        files: ModelFiles,
        *,
        download: bool = False,
        device: str | None = None,
        half: bool | None = None,
        threads: int = 0,
    ) -> None:
        """Load it on `device`, None for a GPU if torch sees one, in `half` precision, None for that
        on a GPU alone. `threads` of torch, 0 leaves them as they are.

        Raises `InvalidInput` and `Corrupt` for a checkpoint that is refused or does not fit,
        `Unavailable` for files that are not on this machine.
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
        # All of it, norms too: open_clip's own half precision leaves those in float32 and fails for
        # some text towers. Parameters still require gradients, though none is ever taken: torch
        # picks its kernels by it, and others round otherwise.
        self.module = self.module.eval().to(self.device, torch.float16 if self.half else torch.float32)
        self.prepare = _preprocessing(self.module)
        self.size = _side(self.module)
        self.dim = int(str(files.config["embed_dim"]))

    @property
    def scale(self) -> float:
        """What the model multiplied cosines with when it learnt."""
        return float(self.module.logit_scale.exp().item())

    @property
    def bias(self) -> float | None:
        """What it added then, if it learnt each pair on its own by a sigmoid; None if it learnt by
        a softmax over a batch."""
        bias = self.module.logit_bias
        return None if bias is None else float(bias.item())

    def embed_images(self, images: Sequence[RGB]) -> torch.Tensor:
        """Unit rows (N, D), float32, of pictures of any sizes."""
        import torch

        with torch.inference_mode():
            prepared = torch.stack([self.prepare(Image.fromarray(image)) for image in images])
            features = self.module.encode_image(
                prepared.to(self.device, torch.float16 if self.half else torch.float32), normalize=False
            )
            return torch.nn.functional.normalize(features.float(), dim=-1)

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Unit rows (N, D), float32."""
        import torch

        with torch.inference_mode():
            features = self.module.encode_text(self.tokenizer.read(texts).to(self.device), normalize=False)
            return torch.nn.functional.normalize(features.float(), dim=-1)

    def describe(self) -> str:
        """Network and device for a person, such as `open_clip ViT-B-32, GELU, b32.safetensors, cpu
        float32`."""
        activation = "QuickGELU" if self.files.config.get("quick_gelu") else "GELU"
        precision = "float16" if self.half else "float32"
        return f"open_clip {self.files.name}, {activation}, {self.files.weights.name}, {self.device.type} {precision}"


class OpenClipImageTower:
    """The image tower; see `mm.models.types.ImageEmbedder`."""

    def __init__(self, model: OpenClipModel) -> None:
        self._model = model
        self.size, self.dim = model.size, model.dim
        self.batch = GPU_BATCH if model.device.type == "cuda" else BATCH
        """Pictures that are best given at once."""

    def embed(self, images: Sequence[RGB]) -> npt.NDArray[np.float32]:
        for image in images:
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
                raise InvalidInput(f"A picture must be uint8 (height, width, 3), not {image.dtype} {image.shape}.")
        parts = [self._model.embed_images(images[start : start + self.batch]) for start in range(0, len(images), self.batch)]
        return _stacked(parts, self.dim)

    def describe(self) -> str:
        told = self._model.module.visual.preprocess_cfg
        return f"{self._model.describe()}, {self.size} px, {told['resize_mode']}, {told['interpolation']}"


class OpenClipTextTower:
    """The text tower; see `mm.models.types.TextEmbedder`."""

    def __init__(self, model: OpenClipModel) -> None:
        self._model = model
        self.dim, self.max_tokens = model.dim, model.tokenizer.max_tokens

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        parts = [self._model.embed_texts(texts[start : start + TEXT_BATCH]) for start in range(0, len(texts), TEXT_BATCH)]
        return _stacked(parts, self.dim)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [min(count, self.max_tokens) for count in self._model.tokenizer.count(texts)]

    def truncation_limit(self, text: str) -> int | None:
        return self.max_tokens if self._model.tokenizer.count([text])[0] > self.max_tokens else None

    def describe(self) -> str:
        return f"{self._model.describe()}, {self.max_tokens} tokens"


def _build(files: ModelFiles, download: bool) -> Any:
    """The network with random weights; nothing is fetched for it but configurations of its
    parts."""
    import open_clip

    try:
        with _without_false_alarm():
            return open_clip.create_model(
                files.source,
                load_weights=False,
                pretrained_image=False,
                pretrained_text=False,
                force_preprocess_cfg=dict(files.preprocess),
            )
    except MMError:
        raise
    except OSError as error:  # a part's configuration that is not in the caches, as transformers and timm say it
        raise Unavailable(f"A part of {files.name} cannot be built. {describe_missing_files(files.name, download)}") from error
    except (TypeError, ValueError, RuntimeError, AssertionError, KeyError) as error:
        raise InvalidInput(f"The configuration of {files.name} makes no model: {error}.") from error


@contextmanager
def _without_false_alarm() -> Iterator[None]:
    """open_clip warns that a model without weights is random; here they follow at once."""

    def heed(record: logging.LogRecord) -> bool:
        return record.module != "factory" or record.levelno >= logging.ERROR

    root = logging.getLogger()
    root.addFilter(heed)
    try:
        yield
    finally:
        root.removeFilter(heed)


def _preprocessing(module: Any) -> Any:
    from open_clip.transform import PreprocessCfg, image_transform_v2

    return image_transform_v2(PreprocessCfg(**module.visual.preprocess_cfg), is_train=False)


def _side(module: Any) -> int:
    size = module.visual.preprocess_cfg["size"]
    return int(size) if isinstance(size, int) else math.ceil(max(size))


def _stacked(parts: Sequence[torch.Tensor], dim: int) -> npt.NDArray[np.float32]:
    """One array (N, D) on the host; every part was handed to the device before the first is waited
    for."""
    return np.concatenate([part.cpu().numpy() for part in parts]) if parts else np.zeros((0, dim), np.float32)
