"""Classification of fights in clips: by motion alone, by names, by images, and by the action head.

Heads are fitted on train with the ridge penalty chosen there, and measured on another split.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.metrics import Measure, Report
from mm.models.temporal.action_head import compute_features
from mm.models.temporal.motion import NUM_MOTIONS
from mm.spaces.encode.actions import embed_action_names, require_temporal_tower
from mm.training.actions.train import Clip, Float, auc_interval, encode_clips, fit_head, read_clips

if TYPE_CHECKING:
    from mm.media import MediaReader
    from mm.models.temporal.frames import FrameSequence
    from mm.spaces import Space

FIGHT = "fight"
NAMES = ("people fighting", "people who stand or walk")
"""The names that classify clips without training."""

EncodedClips = list[tuple[Clip, "FrameSequence"]]


def evaluate(space: Space, reader: MediaReader, folder: Path, split: str, on_progress: Callable[[str], None]) -> Report:
    """Measure the AUC of fights. Raises `InvalidInput`, `Unavailable` as `train_actions`."""
    train, measured = (_encode(space, reader, read_clips(folder, name), on_progress) for name in ("train", split))
    is_fight = np.array([clip.label == FIGHT for clip, _ in measured])
    groups = [clip.group for clip, _ in measured]
    motion = slice(space.dim, space.dim + 2 * NUM_MOTIONS)
    train_rows, rows = _compute_features(space, train), _compute_features(space, measured)
    fight_D, other_D = embed_action_names(space, NAMES)
    means_ND = np.stack([frames.vectors_LD.mean(0) for _, frames in measured])

    def fit_and_predict(columns: Sequence[int]) -> npt.NDArray[np.floating]:
        head, _ = fit_head(train_rows[:, columns], [clip for clip, _ in train], str(space.id))
        probabilities = np.stack([head.predict_probabilities(row.astype(np.float32)) for row in rows[:, columns]])
        return probabilities[:, head.labels.index(FIGHT)]

    all_columns = list(range(rows.shape[1]))
    vector_columns, motion_columns = all_columns[: space.dim], all_columns[motion]
    scores: dict[str, npt.NDArray[np.floating]] = {
        "mean difference of frames alone": rows[:, motion.start],
        "names alone, without training": means_ND @ (fight_D - other_D),
        "motion, trained": fit_and_predict(motion_columns),
        "images, trained": fit_and_predict(vector_columns),
        "images and motion, trained": fit_and_predict([*vector_columns, *motion_columns]),
        "the head: those and the temporal network": fit_and_predict(all_columns),
    }
    return Report(
        f"AUC of {is_fight.sum()} fights among {len(is_fight)} clips of {split}, {len(train)} clips of train",
        tuple(Measure(name, auc_interval(values, is_fight, groups)) for name, values in scores.items()),
    )


def _encode(space: Space, reader: MediaReader, clips: list[Clip], on_progress: Callable[[str], None]) -> EncodedClips:
    sequences = encode_clips(space, reader, clips, on_progress)
    return [(clip, frames) for clip, frames in zip(clips, sequences, strict=True) if frames is not None]


def _compute_features(space: Space, clips: EncodedClips) -> Float:
    tower = require_temporal_tower(space)
    return np.stack([compute_features(tower, frames) for _, frames in clips]).astype(np.float64)
