"""Train a head that classifies the actions of clips: manifest.jsonl with file, label, group, split.

One logistic regression per label on `action_head.compute_features`; the ridge penalty is chosen by
cross-validation over groups of train. Features are cached, so that an interrupted run continues.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput, MediaError, UnsupportedMedia
from mm.files import open_atomic, read_json_lines, write_atomic
from mm.media.types import Span
from mm.metrics import Interval, bootstrap
from mm.metrics.auc import auc
from mm.models.temporal.action_head import FPS, ActionHead, compute_features
from mm.spaces.encode.actions import encode_frame_sequence, require_temporal_tower
from mm.training.logistic_regression import fit_logistic, log_loss

if TYPE_CHECKING:
    from mm.media import MediaReader
    from mm.models.temporal.frames import FrameSequence
    from mm.spaces import Space

Float = npt.NDArray[np.float64]
OnProgress = Callable[[str], None]
"""Called with a line of text."""

RIDGES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
NUM_FOLDS = 5
MAX_SECONDS = 30.0
"""Seconds of a clip that are read."""
SAVE_EVERY = 20
"""Clips after which the cache is written."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A labelled clip; clips of one group are cut from one video."""

    path: Path
    label: str
    group: str


def read_clips(folder: Path, split: str) -> list[Clip]:
    """Read the clips of a split. Raises `InvalidInput` for fewer than two labels."""
    try:
        rows = [row for row in read_json_lines(folder / "manifest.jsonl") if row["split"] == split]
        clips = [Clip(folder / row["file"], str(row["label"]).replace("_", " "), str(row["group"])) for row in rows]
    except KeyError as error:
        raise InvalidInput(f"manifest.jsonl of {folder} needs file, label, group and split; {error} is missing.") from error
    if len({clip.label for clip in clips}) < 2:
        raise InvalidInput(f"{folder} needs clips of at least two labels in the split {split!r}.")
    return clips


def encode_clips(space: Space, reader: MediaReader, clips: Sequence[Clip], on_progress: OnProgress) -> list[FrameSequence | None]:
    """Encode the frames of each clip; None for clips that cannot be read."""
    sequences: list[FrameSequence | None] = []
    for clip in clips:
        try:
            file = reader.probe_file(clip.path, clip.path.name)
            span = Span(0.0, min(file.info.duration, MAX_SECONDS))
            sequences.append(encode_frame_sequence(space, reader, file, span, FPS))
        except (MediaError, UnsupportedMedia) as error:
            on_progress(f"{clip.path.name} is skipped: {error}")
            sequences.append(None)
        if len(sequences) % SAVE_EVERY == 0:
            on_progress(f"{len(sequences)} of {len(clips)} clips encoded")
    return sequences


def train_actions(space: Space, reader: MediaReader, folder: Path, out: Path, on_progress: OnProgress) -> Path:
    """Train on train, measure on dev if it exists; write head and card; return the head's path.

    Raises `InvalidInput` for unreadable data, `Unavailable` for a space without a temporal network.
    """
    out.mkdir(parents=True, exist_ok=True)
    rows, clips = load_features(space, reader, read_clips(folder, "train"), out / "train.npz", on_progress)
    head, ridge = fit_head(rows, clips, str(space.id))
    on_progress(f"ridge {ridge:g}, by cross-validation over groups of train")
    path = out / "actions.safetensors"
    write_atomic(path, head.to_bytes())
    lines = [
        "# Actions",
        "",
        f"A head on the space {space.id} for {', '.join(head.labels)}: {len(clips)} clips of `{folder.name}`, ridge {ridge:g}.",
        "",
    ]
    if any(row["split"] == "dev" for row in read_json_lines(folder / "manifest.jsonl")):
        dev_rows, dev_clips = load_features(space, reader, read_clips(folder, "dev"), out / "dev.npz", on_progress)
        lines += _format_results(head, dev_rows, dev_clips)
    write_atomic(out / "ACTIONS.md", ("\n".join(lines) + "\n").encode())
    return path


def load_features(
    space: Space, reader: MediaReader, clips: Sequence[Clip], cache: Path, on_progress: OnProgress
) -> tuple[Float, list[Clip]]:
    """Features (N, F) of the readable clips, and these clips; cached under the files' paths."""
    tower = require_temporal_tower(space)
    features: dict[str, npt.NDArray[np.float32]] = {}
    if cache.exists():
        with np.load(cache) as arrays:
            features = {name: arrays[name] for name in arrays.files}
    for start in range(0, len(clips), SAVE_EVERY):
        missing = [clip for clip in clips[start : start + SAVE_EVERY] if str(clip.path) not in features]
        if not missing:
            continue
        for clip, frames in zip(missing, encode_clips(space, reader, missing, on_progress), strict=True):
            features[str(clip.path)] = np.zeros(0, np.float32) if frames is None else compute_features(tower, frames)
        with open_atomic(cache) as file:
            np.savez(file, **features)  # type: ignore[arg-type]
        on_progress(f"{min(start + SAVE_EVERY, len(clips))} of {len(clips)} clips encoded")
    readable = [clip for clip in clips if len(features[str(clip.path)])]
    return np.stack([features[str(clip.path)] for clip in readable]).astype(np.float64), readable


def fit_head(rows_NF: Float, clips: Sequence[Clip], space: str) -> tuple[ActionHead, float]:
    """Fit the head with the ridge penalty that has the lowest log loss in cross-validation."""
    labels = tuple(sorted({clip.label for clip in clips}))
    is_label_NC = np.array([[clip.label == label for label in labels] for clip in clips], np.float64)
    fold_N = assign_folds([clip.group for clip in clips])
    ridge = min(RIDGES, key=lambda ridge: _cross_validate(rows_NF, is_label_NC, fold_N, ridge))
    mean_F, scale_F, weight_CF = _fit(rows_NF, is_label_NC, ridge)
    arrays = (mean_F, scale_F, weight_CF[:, :-1], weight_CF[:, -1])
    return ActionHead(space, labels, *(np.ascontiguousarray(array, np.float32) for array in arrays)), ridge


def assign_folds(groups: Sequence[str]) -> npt.NDArray[np.int64]:
    """Assign each clip to a fold (N,); a group is never divided."""
    fold_of = {group: number % NUM_FOLDS for number, group in enumerate(sorted(set(groups)))}
    return np.array([fold_of[group] for group in groups])


def auc_interval(scores_N: npt.NDArray[np.floating], is_positive_N: npt.NDArray[np.bool_], groups: Sequence[str]) -> Interval:
    """AUC with an interval over whole groups; bootstrap samples of one class count as 0.5."""
    ranks = np.argsort(np.argsort(scores_N + 0.0, kind="stable"), kind="stable")
    encoded = ranks * 2.0 + is_positive_N  # `bootstrap` samples single numbers

    def compute(values: npt.NDArray[np.float64]) -> np.floating:
        is_positive = values % 2 == 1
        return np.float64(0.5 if is_positive.all() or not is_positive.any() else auc(values // 2, is_positive))

    return bootstrap(encoded, np.unique(groups, return_inverse=True)[1], compute)


def _format_results(head: ActionHead, rows_NF: Float, clips: Sequence[Clip]) -> list[str]:
    """Lines of a Markdown table of the AUC of each label."""
    lines = ["| label | clips of dev | AUC | 95 % interval |", "| --- | --- | --- | --- |"]
    probabilities_NC = np.stack([head.predict_probabilities(row.astype(np.float32)) for row in rows_NF])
    for number, label in enumerate(head.labels):
        is_label = np.array([clip.label == label for clip in clips])
        if is_label.any() and not is_label.all():
            result = auc_interval(probabilities_NC[:, number], is_label, [clip.group for clip in clips])
            lines.append(f"| {label} | {is_label.sum()} | {result.value:.3f} | {result.low:.3f} to {result.high:.3f} |")
    return lines


def _cross_validate(rows_NF: Float, is_label_NC: Float, fold_N: npt.NDArray[np.int64], ridge: float) -> float:
    """Mean log loss on the held-out folds."""
    losses = []
    for fold in np.unique(fold_N):
        mean_F, scale_F, weight_CF = _fit(rows_NF[fold_N != fold], is_label_NC[fold_N != fold], ridge)
        logits = ((rows_NF[fold_N == fold] - mean_F) / scale_F) @ weight_CF[:, :-1].T + weight_CF[:, -1]
        losses.append(log_loss(logits, is_label_NC[fold_N == fold]))
    return float(np.mean(losses))


def _fit(rows_NF: Float, is_label_NC: Float, ridge: float) -> tuple[Float, Float, Float]:
    """Mean and scale of the features (F,), and weights (C, F + 1), the biases last."""
    mean_F, scale_F = rows_NF.mean(0), rows_NF.std(0) + 1e-6
    # A ridge penalty is invariant to rotation, and there are fewer clips than features: the fit is
    # small in the space that the clips span.
    left_NR, lengths_R, axes_RF = np.linalg.svd((rows_NF - mean_F) / scale_F, full_matrices=False)
    weight_CR = np.stack([fit_logistic(left_NR * lengths_R, labels, np.ones(len(rows_NF)), ridge) for labels in is_label_NC.T])
    return mean_F, scale_F, np.c_[weight_CR[:, :-1] @ axes_RF, weight_CR[:, -1]]
