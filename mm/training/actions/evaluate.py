"""Fights among clips of surveillance and of streets: how much of it motion alone tells, names,
pictures, and the head.

Everything is fitted on train with the ridge chosen there, and measured on dev.
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
from mm.training.actions.train import Clip, Float, auc_interval, fit_head, read_clips, watch_clips

if TYPE_CHECKING:
    from mm.media import MediaReader
    from mm.models.temporal.frames import FrameSequence
    from mm.spaces import Space

FIGHT = "fight"
ASKED = ("people fighting", "people who stand or walk")
"""The names by which fights are told without having learnt of any."""

Watched = list[tuple[Clip, "FrameSequence"]]


def evaluate(space: Space, reader: MediaReader, folder: Path, split: str, on_progress: Callable[[str], None]) -> Report:
    """AUC of fight against no fight. Raises `InvalidInput`, `Unavailable` as `train_actions`."""
    train, shown = (_watched(space, reader, read_clips(folder, of), on_progress) for of in ("train", split))
    right = np.array([clip.label == FIGHT for clip, _ in shown])
    groups = [clip.group for clip, _ in shown]
    motion = slice(space.dim, space.dim + 2 * NUM_MOTIONS)
    rows, asked = _described(space, train), _described(space, shown)
    fight, other = embed_action_names(space, ASKED)
    seen = np.stack([frames.vectors_LD.mean(0) for _, frames in shown])

    def fitted(columns: Sequence[int]) -> npt.NDArray[np.floating]:
        head, _ = fit_head(rows[:, columns], [clip for clip, _ in train], str(space.id))
        chances = np.stack([head.predict_probabilities(row.astype(np.float32)) for row in asked[:, columns]])
        return chances[:, head.labels.index(FIGHT)]

    every = list(range(rows.shape[1]))
    vectors, moving = every[: space.dim], every[motion]
    told: dict[str, npt.NDArray[np.floating]] = {
        "mean difference of frames alone": asked[:, motion.start],
        "names alone, nothing learnt": seen @ (fight - other),
        "motion, learnt": fitted(moving),
        "pictures, learnt": fitted(vectors),
        "pictures and motion, learnt": fitted([*vectors, *moving]),
        "the head: those and the temporal network": fitted(every),
    }
    return Report(
        f"AUC of {right.sum()} fights among {len(right)} clips of {split}, {len(train)} clips of train",
        tuple(Measure(name, auc_interval(scores, right, groups)) for name, scores in told.items()),
    )


def _watched(space: Space, reader: MediaReader, clips: list[Clip], on_progress: Callable[[str], None]) -> Watched:
    watched = watch_clips(space, reader, clips, on_progress)
    return [(clip, frames) for clip, frames in zip(clips, watched, strict=True) if frames is not None]


def _described(space: Space, watched: Watched) -> Float:
    tower = require_temporal_tower(space)
    return np.stack([compute_features(tower, frames) for _, frames in watched]).astype(np.float64)
