"""A head that tells what is done in a clip, on what the image tower and the temporal network say of
its frames."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mm.errors import Corrupt, InvalidInput
from mm.models.temporal.network import FrameSequence, TemporalTower
from mm.numerics import sigmoid

Float = npt.NDArray[np.float32]

FPS = 8.0
"""Frames a second that a clip is looked at: blows and jumps fall between two frames a second."""
HEAD = "actions"
"""Name of the only entry of a file's metadata."""
TENSORS = ("mean", "scale", "weight", "bias")


def compute_features(tower: TemporalTower, frames: FrameSequence) -> Float:
    """(F,) a clip by its mean vector, the mean and the largest motion, and the mean of the
    network's states.

    Raises `InvalidInput` for vectors of another space.
    """
    motion = frames.motion_LM[1:] if len(frames.motion_LM) > 1 else frames.motion_LM
    parts = (frames.vectors_LD.mean(0), motion.mean(0), motion.max(0), tower.compute_states(frames).mean(0))
    return np.concatenate(parts).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class ActionHead:
    """A logistic regression for each label. Names of arrays end in their axes: C labels, F
    features."""

    space: str
    """The space whose vectors it reads, as in `lite@1`."""
    labels: tuple[str, ...]
    mean_F: Float
    scale_F: Float
    weight_CF: Float
    bias_C: Float

    def predict_probabilities(self, clip_F: Float) -> Float:
        """(C,) how likely each label is, by itself. Raises `InvalidInput` for another kind of
        clip."""
        if clip_F.shape != self.mean_F.shape:
            raise InvalidInput(f"The head reads {len(self.mean_F)} numbers of a clip, not {clip_F.shape}.")
        logits = self.weight_CF @ ((clip_F - self.mean_F) / self.scale_F) + self.bias_C
        return sigmoid(logits).astype(np.float32)

    def to_bytes(self) -> bytes:
        """The bytes of its file."""
        tensors = dict(zip(TENSORS, (self.mean_F, self.scale_F, self.weight_CF, self.bias_C), strict=True))
        return bytes(save(tensors, {HEAD: json.dumps({"space": self.space, "labels": self.labels})}))

    @classmethod
    def read(cls, path: Path) -> ActionHead:
        """A head from its file. Raises `Corrupt`."""
        try:
            with safe_open(path, "np") as file:
                told = json.loads(file.metadata()[HEAD])
                mean, scale, weight, bias = (file.get_tensor(name).astype(np.float32) for name in TENSORS)
            head = cls(str(told["space"]), tuple(map(str, told["labels"])), mean, scale, weight, bias)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise Corrupt(f"The head of actions cannot be read from {path}: {error}.") from error
        count = len(head.labels)
        if weight.shape != (count, len(mean)) or scale.shape != mean.shape or bias.shape != (count,) or mean.ndim != 1:
            raise Corrupt(f"{path} holds no head of {count} labels.")
        return head
