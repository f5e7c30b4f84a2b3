"""A classifier of actions in a clip, from frame vectors, motion and temporal states."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mm.errors import Corrupt, InvalidInput
from mm.models.temporal.frames import FrameSequence
from mm.models.temporal.tower import TemporalTower
from mm.numerics import sigmoid

Float = npt.NDArray[np.float32]

FPS = 8.0
"""Frames a second sampled from a clip: at 2 frames a second a blow or a jump is missed."""
HEAD = "actions"
"""Metadata key of space and labels, JSON."""
TENSORS = ("mean", "scale", "weight", "bias")


def compute_features(tower: TemporalTower, frames: FrameSequence) -> Float:
    """Features (F,) of a clip: mean vector, mean and largest motion, and mean state of the network.

    Raises `InvalidInput` for vectors of another dimension.
    """
    motion = frames.motion_LM[1:] if len(frames.motion_LM) > 1 else frames.motion_LM
    parts = (frames.vectors_LD.mean(0), motion.mean(0), motion.max(0), tower.compute_states(frames).mean(0))
    return np.concatenate(parts).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class ActionHead:
    """One logistic regression for each label. Axes of arrays: C labels, F features."""

    space: str
    """Id of the space whose vectors it takes, such as `lite@1`."""
    labels: tuple[str, ...]
    mean_F: Float
    scale_F: Float
    weight_CF: Float
    bias_C: Float

    def predict_probabilities(self, clip_F: Float) -> Float:
        """Independent probabilities (C,) of the labels.

        Raises `InvalidInput` when `clip_F` has another number of features.
        """
        if clip_F.shape != self.mean_F.shape:
            raise InvalidInput(f"The head takes {len(self.mean_F)} features of a clip, not {clip_F.shape}.")
        logits = self.weight_CF @ ((clip_F - self.mean_F) / self.scale_F) + self.bias_C
        return sigmoid(logits).astype(np.float32)

    def to_bytes(self) -> bytes:
        """The bytes of a safetensors file."""
        tensors = dict(zip(TENSORS, (self.mean_F, self.scale_F, self.weight_CF, self.bias_C), strict=True))
        return bytes(save(tensors, {HEAD: json.dumps({"space": self.space, "labels": self.labels})}))

    @classmethod
    def read(cls, path: Path) -> ActionHead:
        """The opposite of `to_bytes`. Raises `Corrupt` when the file is not such a head."""
        try:
            with safe_open(path, "np") as file:
                stored = json.loads(file.metadata()[HEAD])
                mean, scale, weight, bias = (file.get_tensor(name).astype(np.float32) for name in TENSORS)
            head = cls(str(stored["space"]), tuple(map(str, stored["labels"])), mean, scale, weight, bias)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise Corrupt(f"The action head cannot be read from {path}: {error}.") from error
        count = len(head.labels)
        if weight.shape != (count, len(mean)) or scale.shape != mean.shape or bias.shape != (count,) or mean.ndim != 1:
            raise Corrupt(f"{path} does not hold an action head of {count} labels.")
        return head
