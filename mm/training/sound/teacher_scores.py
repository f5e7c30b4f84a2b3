"""Class scores of the frozen teacher for whole clips and augmented windows, cached.

Names of arrays end in their axes: P patches, K classes, D dimensions, N clips, T takes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mm.files import open_atomic
from mm.models.sound.tower import SILENCE_RMS, compute_patch_starts, split_windows
from mm.models.sound.yamnet import cut_patches
from mm.models.sound.yamnet_torch import SoundEncoder
from mm.numerics import normalize
from mm.training.sound.data import AudioClips
from mm.training.sound.features import LogMel
from mm.training.sound.recipe import SoundConfig
from mm.training.sound.windows import draw_windows

MAX_PATCHES = 4
"""Patches of an augmented window."""
BATCH = 64

Float = npt.NDArray[np.float32]
Int = npt.NDArray[np.int64]
OnProgress = Callable[[str], None]
"""Called with a line of text."""


@dataclass(frozen=True, slots=True, eq=False)
class PatchScores:
    """Scores of all clips, cut into windows and patches as in serving, without silent patches."""

    scores: Float  # (P, K)
    clip: Int  # (P,)
    window: Int  # (P,), of the clip

    def clip_means(self, num_clips: int) -> Float:
        """Mean scores (N, K) of each clip; zero for a silent one."""
        means = np.zeros((num_clips, self.scores.shape[1]), np.float32)
        for clip in np.unique(self.clip):
            means[clip] = self.scores[self.clip == clip].mean(0)
        return means

    def clip_vectors(self, vectors_KD: Float, num_clips: int) -> Float:
        """Vectors (N, D) as `SoundTower.embed` with these class vectors gives; zero for silence."""
        directions_PD = self.scores @ vectors_KD
        vectors = np.zeros((num_clips, vectors_KD.shape[1]), np.float32)
        for clip in np.unique(self.clip):
            own = self.clip == clip
            numbers = np.unique(self.window[own])
            windows = [normalize(directions_PD[own & (self.window == window)].mean(0)) for window in numbers]
            vectors[clip] = normalize(np.mean(windows, axis=0, dtype=np.float32))
        return vectors


@dataclass(frozen=True, slots=True, eq=False)
class TakeScores:
    """Scores of each take of a clip: the whole clip, then augmented windows."""

    scores: Float  # (T, N, K)
    mixed: Int  # (T, N), the clip that is mixed in; -1 for none


def score_clips(config: SoundConfig, clips: AudioClips, teacher: SoundEncoder, on_progress: OnProgress) -> PatchScores:
    """Compute the scores of all clips, or read them from the cache."""
    path = config.out / "heard.npz"
    key = _hash_inputs(clips, teacher)
    arrays = _read_cache(path, key)
    if arrays is None:
        on_progress(f"scoring {len(clips.bounds)} clips")
        network = _Scorer(teacher)
        parts = [_score_clip(network, clips, index) for index in range(len(clips.bounds))]
        arrays = {
            "scores": np.concatenate([scores for scores, _ in parts]),
            "sound": np.repeat(np.arange(len(parts)), [len(scores) for scores, _ in parts]),
            "window": np.concatenate([window for _, window in parts]),
        }
        _write_cache(path, key, arrays)
    return PatchScores(arrays["scores"].astype(np.float32), arrays["sound"].astype(np.int64), arrays["window"].astype(np.int64))


def score_takes(
    config: SoundConfig, clips: AudioClips, teacher: SoundEncoder, whole: PatchScores, on_progress: OnProgress
) -> TakeScores:
    """Compute the scores of `config.takes` augmented windows of each clip; each take is cached."""
    num_clips = len(clips.bounds)
    scores, mixed = [whole.clip_means(num_clips)], [np.full(num_clips, -1)]
    key = _hash_inputs(clips, teacher)
    for number in range(1, config.takes + 1):
        path = config.out / f"take-{number}.npz"
        arrays = _read_cache(path, key)
        if arrays is None:
            on_progress(f"scoring take {number} of {config.takes}")
            scores_NK, mixed_N = _score_take(_Scorer(teacher), clips, number)
            arrays = {"scores": scores_NK.numpy(), "mixed": mixed_N.numpy()}
            _write_cache(path, key, arrays)
        scores.append(arrays["scores"].astype(np.float32))
        mixed.append(arrays["mixed"].astype(np.int64))
    return TakeScores(np.stack(scores), np.stack(mixed))


class _Scorer:
    """Computes scores (P, K) of waveforms (P, PATCH)."""

    def __init__(self, teacher: SoundEncoder) -> None:
        self.teacher = teacher.eval()
        self.logmel = LogMel()

    @torch.no_grad()
    def __call__(self, waveforms: Tensor) -> Tensor:
        scores = [self.teacher(self.logmel(batch))[1].sigmoid() for batch in torch.split(waveforms, BATCH)]
        return torch.cat(scores) if scores else torch.zeros(0, len(self.teacher.classes.bias))


def _score_clip(network: _Scorer, clips: AudioClips, index: int) -> tuple[Float, Int]:
    waveform = clips.waveform(index)
    windows = [
        cut_patches(waveform[start:end], compute_patch_starts(end - start)) for start, end in split_windows(0, len(waveform))
    ]
    window = np.repeat(np.arange(len(windows)), [len(patches) for patches in windows])
    patches = np.concatenate(windows)
    is_loud = np.sqrt(np.square(patches).mean(1)) > SILENCE_RMS
    return network(torch.from_numpy(patches[is_loud])).numpy(), window[is_loud]


def _score_take(network: _Scorer, clips: AudioClips, number: int) -> tuple[Tensor, Tensor]:
    """Only clips of train are mixed in."""
    random = torch.Generator().manual_seed(number)
    samples, bounds = torch.from_numpy(clips.samples), torch.from_numpy(clips.bounds)
    mixable = torch.from_numpy(np.flatnonzero(~clips.dev))
    scores, mixed = [], []
    for clip_B in torch.split(torch.arange(len(bounds)), BATCH):
        num_patches = 1 + int(torch.randint(MAX_PATCHES, (1,), generator=random))
        windows = draw_windows(samples, bounds, clip_B, mixable, num_patches, random)
        is_loud_BP = windows.waveforms.square().mean(2).sqrt() > SILENCE_RMS
        scores_BPK = network(windows.waveforms.flatten(0, 1)).reshape(*is_loud_BP.shape, -1)
        scores.append((scores_BPK * is_loud_BP[:, :, None]).sum(1) / is_loud_BP.sum(1).clamp(min=1)[:, None])
        mixed.append(windows.mixed)
    return torch.cat(scores), torch.cat(mixed)


def _hash_inputs(clips: AudioClips, teacher: SoundEncoder) -> str:
    digest = hashlib.sha256(clips.samples.tobytes())
    for value in teacher.state_dict().values():
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def _read_cache(path: Path, key: str) -> dict[str, npt.NDArray[np.generic]] | None:
    if not path.exists():
        return None
    with np.load(path) as file:
        arrays = dict(file)
    return arrays if str(arrays.pop("key")) == key else None


def _write_cache(path: Path, key: str, arrays: dict[str, npt.NDArray[np.generic]]) -> None:
    with open_atomic(path) as file:
        np.savez(file, key=np.array(key), **arrays)  # type: ignore[arg-type]
