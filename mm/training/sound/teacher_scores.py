"""What the teacher's network, which stays as it is, hears in the sounds: scores of its classes,
found once and kept.

Names of arrays end in their axes: P patches, K classes, D dimensions, N sounds, T takes.
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
from mm.training.sound.data import Sounds
from mm.training.sound.features import LogMel
from mm.training.sound.recipe import SoundConfig
from mm.training.sound.windows import draw_windows

LONGEST = 4
"""Patches of a window that is drawn."""
BATCH = 64

Float = npt.NDArray[np.float32]
Int = npt.NDArray[np.int64]
OnProgress = Callable[[str], None]
"""Told what is being done, a line for a person."""


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """All sounds, cut as the tower cuts them when it serves; what is silent is left out."""

    scores: Float  # (P, K)
    sound: Int  # (P,)
    window: Int  # (P,), of the sound

    def means(self, count: int) -> Float:
        """(N, K) mean scores of each of `count` sounds; 0 where nothing sounds."""
        found = np.zeros((count, self.scores.shape[1]), np.float32)
        for sound in np.unique(self.sound):
            found[sound] = self.scores[self.sound == sound].mean(0)
        return found

    def vectors(self, vectors_KD: Float, count: int) -> Float:
        """(N, D) as `SoundTower.embed` would give them if the classes lay there; 0 where nothing
        sounds."""
        directions_PD = self.scores @ vectors_KD
        found = np.zeros((count, vectors_KD.shape[1]), np.float32)
        for sound in np.unique(self.sound):
            own = self.sound == sound
            windows = [normalize(directions_PD[own & (self.window == window)].mean(0)) for window in np.unique(self.window[own])]
            found[sound] = normalize(np.mean(windows, axis=0, dtype=np.float32))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Takes:
    """Sounds as they may be met: first each as it is, then windows of it with others mixed in."""

    scores: Float  # (T, N, K)
    mixed: Int  # (T, N), the sound mixed in; -1 for none


def hear(config: SoundConfig, sounds: Sounds, teacher: SoundEncoder, on_progress: OnProgress) -> Patches:
    """The scores of all sounds, or those kept of an earlier call."""
    path = config.out / "heard.npz"
    key = _key(sounds, teacher)
    kept = _kept(path, key)
    if kept is None:
        on_progress(f"the teacher hears {len(sounds.bounds)} sounds")
        network = _Network(teacher)
        parts = [_patches(network, sounds, index) for index in range(len(sounds.bounds))]
        kept = {
            "scores": np.concatenate([scores for scores, _ in parts]),
            "sound": np.repeat(np.arange(len(parts)), [len(scores) for scores, _ in parts]),
            "window": np.concatenate([window for _, window in parts]),
        }
        _keep(path, key, kept)
    return Patches(kept["scores"].astype(np.float32), kept["sound"].astype(np.int64), kept["window"].astype(np.int64))


def take(config: SoundConfig, sounds: Sounds, teacher: SoundEncoder, whole: Patches, on_progress: OnProgress) -> Takes:
    """The scores of `config.takes` windows of each sound beside the sound as it is. Each take is
    kept once it is made."""
    count = len(sounds.bounds)
    found, mixed = [whole.means(count)], [np.full(count, -1)]
    key = _key(sounds, teacher)
    for number in range(1, config.takes + 1):
        path = config.out / f"take-{number}.npz"
        kept = _kept(path, key)
        if kept is None:
            on_progress(f"the teacher hears take {number} of {config.takes}")
            scores_NK, mixed_N = _take(_Network(teacher), sounds, number)
            kept = {"scores": scores_NK.numpy(), "mixed": mixed_N.numpy()}
            _keep(path, key, kept)
        found.append(kept["scores"].astype(np.float32))
        mixed.append(kept["mixed"].astype(np.int64))
    return Takes(np.stack(found), np.stack(mixed))


class _Network:
    """Waveforms (P, PATCH) to scores (P, K)."""

    def __init__(self, teacher: SoundEncoder) -> None:
        self.teacher = teacher.eval()
        self.logmel = LogMel()

    @torch.no_grad()
    def __call__(self, waveforms: Tensor) -> Tensor:
        parts = [self.teacher(self.logmel(part))[1].sigmoid() for part in torch.split(waveforms, BATCH)]
        return torch.cat(parts) if parts else torch.zeros(0, len(self.teacher.classes.bias))


def _patches(network: _Network, sounds: Sounds, index: int) -> tuple[Float, Int]:
    waveform = sounds.waveform(index)
    cut = [cut_patches(waveform[start:end], compute_patch_starts(end - start)) for start, end in split_windows(0, len(waveform))]
    window = np.repeat(np.arange(len(cut)), [len(part) for part in cut])
    whole = np.concatenate(cut)
    loud = np.sqrt(np.square(whole).mean(1)) > SILENCE_RMS
    return network(torch.from_numpy(whole[loud])).numpy(), window[loud]


def _take(network: _Network, sounds: Sounds, number: int) -> tuple[Tensor, Tensor]:
    """Only what is trained on is mixed in."""
    random = torch.Generator().manual_seed(number)
    samples, bounds = torch.from_numpy(sounds.samples), torch.from_numpy(sounds.bounds)
    among = torch.from_numpy(np.flatnonzero(~sounds.dev))
    scores, mixed = [], []
    for sound_B in torch.split(torch.arange(len(bounds)), BATCH):
        length = 1 + int(torch.randint(LONGEST, (1,), generator=random))
        windows = draw_windows(samples, bounds, sound_B, among, length, random)
        loud_BP = windows.waveforms.square().mean(2).sqrt() > SILENCE_RMS
        scores_BPK = network(windows.waveforms.flatten(0, 1)).reshape(*loud_BP.shape, -1)
        scores.append((scores_BPK * loud_BP[:, :, None]).sum(1) / loud_BP.sum(1).clamp(min=1)[:, None])
        mixed.append(windows.mixed)
    return torch.cat(scores), torch.cat(mixed)


def _key(sounds: Sounds, teacher: SoundEncoder) -> str:
    digest = hashlib.sha256(sounds.samples.tobytes())
    for value in teacher.state_dict().values():
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def _kept(path: Path, key: str) -> dict[str, npt.NDArray[np.generic]] | None:
    if not path.exists():
        return None
    with np.load(path) as arrays:
        found = dict(arrays)
    return found if str(found.pop("key")) == key else None


def _keep(path: Path, key: str, arrays: dict[str, npt.NDArray[np.generic]]) -> None:
    with open_atomic(path) as file:
        np.savez(file, key=np.array(key), **arrays)  # type: ignore[arg-type]
