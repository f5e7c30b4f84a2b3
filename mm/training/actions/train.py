"""Train a head that tells what is done in clips, on any labelled clips: a manifest.jsonl with file,
label, group and split.

A logistic regression for each label on what `action_head.compute_features` says of a clip; the
strength of the ridge is chosen by cross-validation over groups of train. It takes seconds beside
the look at the clips, which is kept and gone on with after a stop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput, MediaError, UnsupportedMedia
from mm.files import open_atomic, read_json_lines
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
Progress = Callable[[str], None]

RIDGES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
FOLDS = 5
LONGEST = 30.0
"""Seconds of a clip that are looked at."""
KEEP_EVERY = 20
"""Clips after which what was seen is kept."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A labelled clip; those of one group are cuts of one film."""

    path: Path
    label: str
    group: str


def read_clips(folder: Path, split: str) -> list[Clip]:
    """The clips of a split. Raises `InvalidInput` where there are none, or fewer than two
    labels."""
    try:
        rows = [row for row in read_json_lines(folder / "manifest.jsonl") if row["split"] == split]
        clips = [Clip(folder / row["file"], str(row["label"]).replace("_", " "), str(row["group"])) for row in rows]
    except KeyError as error:
        raise InvalidInput(
            f"The clips of {folder} need {error} in manifest.jsonl, beside file, label, group and split."
        ) from error
    if len({clip.label for clip in clips}) < 2:
        raise InvalidInput(f"{folder} needs clips of two labels at least in the split {split!r}.")
    return clips


def watch_clips(space: Space, reader: MediaReader, clips: Sequence[Clip], on_progress: Progress) -> list[FrameSequence | None]:
    """What is seen of each clip; None of those that cannot be read."""
    found: list[FrameSequence | None] = []
    for clip in clips:
        try:
            file = reader.probe_file(clip.path, clip.path.name)
            whole = Span(0.0, min(file.info.duration, LONGEST))
            found.append(encode_frame_sequence(space, reader, file, whole, FPS))
        except (MediaError, UnsupportedMedia) as error:
            on_progress(f"{clip.path.name} is left out: {error}")
            found.append(None)
        if len(found) % KEEP_EVERY == 0:
            on_progress(f"{len(found)} of {len(clips)} clips seen")
    return found


def train_actions(space: Space, reader: MediaReader, folder: Path, out: Path, on_progress: Progress) -> Path:
    """Train on train, measure on dev where there is one; returns the path of the head. Its card is
    beside it.

    Raises `InvalidInput` for data that cannot be read, `Unavailable` where the space has no
    temporal network.
    """
    out.mkdir(parents=True, exist_ok=True)
    clips = read_clips(folder, "train")
    rows, kept = described(space, reader, clips, out / "train.npz", on_progress)
    head, ridge = fit_head(rows, kept, str(space.id))
    on_progress(f"ridge {ridge:g}, by cross-validation over groups of train")
    path = out / "actions.safetensors"
    with open_atomic(path) as file:
        file.write(head.to_bytes())
    lines = [
        "# Actions",
        "",
        f"A head on the space {space.id} for {', '.join(head.labels)}: {len(kept)} clips of `{folder.name}`, ridge {ridge:g}.",
        "",
    ]
    if any(row["split"] == "dev" for row in read_json_lines(folder / "manifest.jsonl")):
        shown, there = described(space, reader, read_clips(folder, "dev"), out / "dev.npz", on_progress)
        lines += ["| label | clips of dev | AUC | 95 % interval |", "| --- | --- | --- | --- |"]
        chances = np.stack([head.predict_probabilities(row.astype(np.float32)) for row in shown])
        for number, label in enumerate(head.labels):
            right = np.array([clip.label == label for clip in there])
            if right.any() and not right.all():
                found = auc_interval(chances[:, number], right, [clip.group for clip in there])
                lines.append(f"| {label} | {right.sum()} | {found.value:.3f} | {found.low:.3f} to {found.high:.3f} |")
    with open_atomic(out / "ACTIONS.md") as file:
        file.write(("\n".join(lines) + "\n").encode())
    return path


def described(
    space: Space, reader: MediaReader, clips: Sequence[Clip], cache: Path, on_progress: Progress
) -> tuple[Float, list[Clip]]:
    """(N, F) of the clips that can be read, and these. What was seen is kept in `cache`, under the
    files' names."""
    tower = require_temporal_tower(space)
    seen: dict[str, npt.NDArray[np.float32]] = {}
    if cache.exists():
        with np.load(cache) as kept:
            seen = {name: kept[name] for name in kept.files}
    for start in range(0, len(clips), KEEP_EVERY):
        some = [clip for clip in clips[start : start + KEEP_EVERY] if str(clip.path) not in seen]
        if not some:
            continue
        for clip, frames in zip(some, watch_clips(space, reader, some, on_progress), strict=True):
            seen[str(clip.path)] = np.zeros(0, np.float32) if frames is None else compute_features(tower, frames)
        with open_atomic(cache) as file:
            np.savez(file, **seen)  # type: ignore[arg-type]
        on_progress(f"{min(start + KEEP_EVERY, len(clips))} of {len(clips)} clips seen")
    readable = [clip for clip in clips if len(seen[str(clip.path)])]
    return np.stack([seen[str(clip.path)] for clip in readable]).astype(np.float64), readable


def fit_head(rows_NF: Float, clips: Sequence[Clip], space: str) -> tuple[ActionHead, float]:
    """The head, and the ridge that gives the least log loss on groups that were left out."""
    labels = tuple(sorted({clip.label for clip in clips}))
    right_NC = np.array([[clip.label == label for label in labels] for clip in clips], np.float64)
    fold_N = folds([clip.group for clip in clips])
    ridge = min(RIDGES, key=lambda ridge: _left_out(rows_NF, right_NC, fold_N, ridge))
    mean_F, scale_F, found_CF = _fit(rows_NF, right_NC, ridge)
    parts = (mean_F, scale_F, found_CF[:, :-1], found_CF[:, -1])
    return ActionHead(space, labels, *(np.ascontiguousarray(part, np.float32) for part in parts)), ridge


def folds(groups: Sequence[str]) -> npt.NDArray[np.int64]:
    """(N,) which fold each one is in; a group is never divided."""
    of = {group: number % FOLDS for number, group in enumerate(sorted(set(groups)))}
    return np.array([of[group] for group in groups])


def auc_interval(scores_N: npt.NDArray[np.floating], right_N: npt.NDArray[np.bool_], groups: Sequence[str]) -> Interval:
    """AUC with its interval over whole groups; draws of one sort alone do not count."""
    joined = scores_N + 0.0
    ranks = np.argsort(np.argsort(joined, kind="stable"), kind="stable") * 2.0 + right_N  # what `bootstrap` draws is one number

    def of(values: npt.NDArray[np.float64]) -> np.floating:
        right = values % 2 == 1
        return np.float64(0.5 if right.all() or not right.any() else auc(values // 2, right))

    return bootstrap(ranks, np.unique(groups, return_inverse=True)[1], of)


def _left_out(rows_NF: Float, right_NC: Float, fold_N: npt.NDArray[np.int64], ridge: float) -> float:
    losses = []
    for fold in np.unique(fold_N):
        mean_F, scale_F, found_CF = _fit(rows_NF[fold_N != fold], right_NC[fold_N != fold], ridge)
        logits = ((rows_NF[fold_N == fold] - mean_F) / scale_F) @ found_CF[:, :-1].T + found_CF[:, -1]
        losses.append(log_loss(logits, right_NC[fold_N == fold]))
    return float(np.mean(losses))


def _fit(rows_NF: Float, right_NC: Float, ridge: float) -> tuple[Float, Float, Float]:
    mean_F, scale_F = rows_NF.mean(0), rows_NF.std(0) + 1e-6
    # A ridge does not mind rotations, and clips span fewer directions than they have features: in
    # these the fit is small.
    left_NR, lengths_R, axes_RF = np.linalg.svd((rows_NF - mean_F) / scale_F, full_matrices=False)
    found_CR = np.stack([fit_logistic(left_NR * lengths_R, right, np.ones(len(rows_NF)), ridge) for right in right_NC.T])
    return mean_F, scale_F, np.c_[found_CR[:, :-1] @ axes_RF, found_CR[:, -1]]
