"""Which objects an image shows: one logistic regression for each on the vector of the image.

The objects are those of `objects.tsv` that the training captions mention often enough. A caption is
checked with them: each object that it names has a probability for its image. Names of arrays end in
their axes: N images, C objects, D dimensions.
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
from mm.metrics.language.objects import default_object_words
from mm.metrics.language.ptb_tokenizer import tokenize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.numerics import Float32, Float64

HEAD = "objects"
"""Metadata key of the objects and the weights of the image tower, JSON."""
WEIGHT, BIAS = "weight", "bias"


@dataclass(frozen=True, slots=True, eq=False)
class ObjectHead:
    """Probabilities of objects, independent of each other."""

    image_weights: str
    """SHA-256 of the image weights whose vectors it takes."""
    objects: tuple[str, ...]
    """Canonical names, as in `objects.tsv`."""
    weight_CD: Float32
    bias_C: Float32
    other_probability: float
    """Of each object of `objects.tsv` that has no regression."""

    def predict_log_probabilities(self, images_ND: Float32) -> Float64:
        """Natural log probabilities (N, C) that an image shows an object."""
        logits_NC = (images_ND @ self.weight_CD.T + self.bias_C).astype(np.float64)
        log_probabilities: Float64 = -np.logaddexp(0.0, -logits_NC)
        return log_probabilities

    def score_captions(self, captions: Sequence[str], images_ND: Float32) -> Float64:
        """Sum (N,) of the log probabilities of the objects that each caption names in its image.

        An object that is named twice counts twice; 0 for a caption without objects.
        """
        column_of = {name: column for column, name in enumerate(self.objects)}
        log_probabilities_NC, other = self.predict_log_probabilities(images_ND), float(np.log(self.other_probability))
        words = default_object_words()
        scores = np.zeros(len(captions))
        for row, caption in enumerate(captions):
            columns = [column_of.get(name) for name in words.find(tokenize(caption))]
            scores[row] = sum(other if column is None else log_probabilities_NC[row, column] for column in columns)
        return scores

    def to_bytes(self) -> bytes:
        """The bytes of a safetensors file, in half precision."""
        # safetensors stores the memory of an array, whatever its order.
        tensors = {WEIGHT: self.weight_CD.astype(np.float16, order="C"), BIAS: self.bias_C.astype(np.float16)}
        stored = {"image_weights": self.image_weights, "objects": self.objects, "other_probability": self.other_probability}
        return bytes(save(tensors, {HEAD: json.dumps(stored)}))

    @classmethod
    def read(cls, path: Path) -> ObjectHead:
        """The opposite of `to_bytes`. Raises `Corrupt` when the file is not such a head."""
        try:
            with safe_open(path, "np") as file:
                stored = json.loads(file.metadata()[HEAD])
                weight_CD, bias_C = (file.get_tensor(name).astype(np.float32) for name in (WEIGHT, BIAS))
            objects, other = tuple(map(str, stored["objects"])), float(stored["other_probability"])
            if weight_CD.ndim != 2 or not len(weight_CD) == len(bias_C) == len(objects) or not 0 < other < 1:
                raise ValueError("its shapes or its probability are wrong")
            return cls(str(stored["image_weights"]), objects, weight_CD, bias_C, other)
        except (OSError, SafetensorError, TypeError, KeyError, ValueError) as error:
            raise Corrupt(f"{path} is no head of objects: {error}.") from error
