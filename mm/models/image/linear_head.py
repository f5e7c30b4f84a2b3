"""Logistic regressions on the vector of an image, one for each of many names, and their file.

Names of arrays end in their axes: N images, C names, D dimensions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mm.errors import Corrupt

if TYPE_CHECKING:
    from mm.numerics import Float32, Float64

METADATA = "head"
"""Key of the names and of what belongs to all of them, JSON."""
TENSORS = ("weight", "bias", "share")


@dataclass(frozen=True, slots=True, eq=False)
class LinearHead:
    """Probabilities of names, independent of each other."""

    image_weights: str
    """SHA-256 of the image weights whose vectors it takes."""
    names: tuple[str, ...]
    weight_CD: Float32
    bias_C: Float32
    share_C: Float32
    """Share of the training images that a name was mentioned for."""
    other_share: float
    """The same of a name without a regression."""

    def predict_log_probabilities(self, images_ND: Float32) -> Float64:
        """Natural log probabilities (N, C)."""
        logits_NC = (images_ND @ self.weight_CD.T + self.bias_C).astype(np.float64)
        log_probabilities: Float64 = -np.logaddexp(0.0, -logits_NC)
        return log_probabilities

    def to_bytes(self) -> bytes:
        """The bytes of a safetensors file, in half precision."""
        arrays = (self.weight_CD, self.bias_C, self.share_C)
        # safetensors stores the memory of an array, whatever its order.
        tensors = {name: array.astype(np.float16, order="C") for name, array in zip(TENSORS, arrays, strict=True)}
        stored = {"image_weights": self.image_weights, "names": self.names, "other_share": self.other_share}
        return bytes(save(tensors, {METADATA: json.dumps(stored)}))

    @classmethod
    def read(cls, path: Path) -> LinearHead:
        """The opposite of `to_bytes`. Raises `Corrupt` when the file is not such a head."""
        try:
            with safe_open(path, "np") as file:
                stored = json.loads(file.metadata()[METADATA])
                weight_CD, bias_C, share_C = (file.get_tensor(name).astype(np.float32) for name in TENSORS)
            names, other_share = tuple(map(str, stored["names"])), float(stored["other_share"])
            if weight_CD.ndim != 2 or not len(weight_CD) == len(bias_C) == len(share_C) == len(names) or not 0 < other_share < 1:
                raise ValueError("its shapes or its shares are wrong")
            return cls(str(stored["image_weights"]), names, weight_CD, bias_C, share_C, other_share)
        except (OSError, SafetensorError, TypeError, KeyError, ValueError) as error:
            raise Corrupt(f"{path} is no head of an image tower: {error}.") from error
