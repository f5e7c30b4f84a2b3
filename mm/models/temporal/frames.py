"""The sampled frames of a video as the input of the temporal network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.models.temporal.motion import NUM_MOTIONS

Float = npt.NDArray[np.float32]

NUM_SCALARS = NUM_MOTIONS + 2
"""Scalar inputs of a frame, see `compute_scalars`."""
MAX_FRAMES = 20_000
"""Longer sequences are refused: the cost of the global tokens grows with all frames."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameSequence:
    """Times, vectors and motion of the frames of a video, in order of time.

    Axes: L frames, D vector of the space, M motion.
    """

    times_L: npt.NDArray[np.float64]
    """Seconds, ascending."""
    vectors_LD: Float
    """Unit vectors."""
    motion_LM: Float
    """(L, `NUM_MOTIONS`); 0 for the first frame."""

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for inconsistent shapes, descending times, or too many frames."""
        count = len(self.times_L)
        if self.times_L.ndim != 1 or self.vectors_LD.shape[:-1] != (count,) or self.motion_LM.shape != (count, NUM_MOTIONS):
            raise InvalidInput(
                f"Times {self.times_L.shape}, vectors {self.vectors_LD.shape} and motion {self.motion_LM.shape} do not fit."
            )
        if not 0 < count <= MAX_FRAMES:
            raise InvalidInput(f"A video has 1 to {MAX_FRAMES} frames, not {count}.")
        if (np.diff(self.times_L) < 0).any():
            raise InvalidInput("The times of the frames do not ascend.")


def compute_scalars(frames: FrameSequence) -> Float:
    """Scalar inputs (L, `NUM_SCALARS`): motion, and the cosine distance and log time since the
    previous frame."""
    similar_L = np.ones(len(frames.times_L), np.float32)
    similar_L[1:] = (frames.vectors_LD[1:] * frames.vectors_LD[:-1]).sum(1)
    gap_L = np.diff(frames.times_L, prepend=frames.times_L[:1])
    return np.column_stack([frames.motion_LM, 1 - similar_L, np.log1p(gap_L)]).astype(np.float32)


def compute_changes(vectors_LD: Float) -> Float:
    """Each frame's vector minus the previous one (L, D); 0 for the first frame."""
    return np.diff(vectors_LD, axis=0, prepend=vectors_LD[:1])
