"""The weights file of the lesion network: 8-bit kernels, thresholds and confidence.

A batch norm is fused into its convolution before it is stored. Kernels are stored as integers with
one scale for each output channel, -127 to 127, which is a quarter of float32; they are converted to
float32 when they are read, so that the computation is in float32.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mm.errors import Corrupt
from mm.lesions.segmentation.architecture import MULTIPLE
from mm.lesions.segmentation.confidence import RegionConfidence
from mm.models.image.efficientnet_lite import NORM_EPSILON
from mm.numerics import Float32

LesionWeights = Mapping[str, Float32]
"""Kernels `NAME.kernel` and biases `NAME.bias` of the fused convolutions, and the linear layer."""

METADATA = "lesions"
INTEGER_LIMIT = 127


@dataclass(frozen=True, slots=True)
class LesionConfig:
    """What belongs to the weights of a lesion network."""

    size: int
    """Side of the square input, in pixels."""
    threshold: float
    """Probability of a pixel above which it belongs to a region."""
    weak_threshold: float
    """The same for regions without any pixel above `threshold`."""
    confidence: RegionConfidence
    trained_on: tuple[str, ...]
    """Names of the data sets."""

    def __post_init__(self) -> None:
        """Raises `ValueError` for a size or thresholds that no network has."""
        if self.size < MULTIPLE or self.size % MULTIPLE or not 0 < self.weak_threshold <= self.threshold < 1:
            raise ValueError(f"size {self.size}, thresholds {self.weak_threshold} and {self.threshold}")


def fuse_weights(state: Mapping[str, Float32]) -> dict[str, Float32]:
    """The arrays of a file from the `state_dict()` of a `LesionNetwork`."""
    fused: dict[str, Float32] = {}
    for key, kernel in state.items():
        if not key.endswith(".conv.weight"):
            continue
        name = key.removesuffix(".conv.weight")
        scale_C = state[f"{name}.norm.weight"] / np.sqrt(state[f"{name}.norm.running_var"] + NORM_EPSILON)
        fused[f"{name}.kernel"] = (kernel * scale_C[:, None, None, None]).astype(np.float32)
        fused[f"{name}.bias"] = (state[f"{name}.norm.bias"] - state[f"{name}.norm.running_mean"] * scale_C).astype(np.float32)
    for name in ("logits", "presence"):
        fused[f"{name}.kernel"], fused[f"{name}.bias"] = state[f"{name}.weight"], state[f"{name}.bias"]
    return fused


def serialize_lesions(config: LesionConfig, weights: LesionWeights) -> bytes:
    """The bytes of a safetensors file."""
    tensors: dict[str, np.ndarray] = {}
    for name, array in weights.items():
        if not name.endswith(".kernel"):
            tensors[name] = np.ascontiguousarray(array, np.float32)
            continue
        axes = tuple(range(1, array.ndim))
        scale_C = np.maximum(np.abs(array).max(axes) / INTEGER_LIMIT, 1e-12).astype(np.float32)
        integers = np.rint(array / scale_C.reshape(-1, *[1] * len(axes)))
        tensors[name] = np.ascontiguousarray(integers.clip(-INTEGER_LIMIT, INTEGER_LIMIT).astype(np.int8))
        tensors[f"{name}.scale"] = scale_C
    return bytes(save(tensors, {METADATA: json.dumps(asdict(config))}))


def read_lesions(path: Path) -> tuple[LesionConfig, dict[str, Float32]]:
    """The opposite of `serialize_lesions`, in float32. Raises `Corrupt` for any other file."""
    weights: dict[str, Float32] = {}
    try:
        with safe_open(path, "numpy") as file:
            stored = json.loads(file.metadata()[METADATA])
            for name in file.keys():  # noqa: SIM118 (no mapping)
                if name.endswith(".scale"):
                    continue
                array = file.get_tensor(name).astype(np.float32)
                if name.endswith(".kernel"):
                    array = array * file.get_tensor(f"{name}.scale").reshape(-1, *[1] * (array.ndim - 1))
                weights[name] = array
        confidence = RegionConfidence(tuple(map(float, stored["confidence"]["weights"])), float(stored["confidence"]["bias"]))
        thresholds = float(stored["threshold"]), float(stored["weak_threshold"])
        return LesionConfig(int(stored["size"]), *thresholds, confidence, tuple(map(str, stored["trained_on"]))), weights
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"{path} does not hold a lesion network: {error}.") from error
