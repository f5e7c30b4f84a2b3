"""How well the sound tower tells ESC-10's sounds apart by the names of their classes, while it is in training.

Names of arrays end in their axes: N sounds, C labels, K classes of the teacher, D dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from mm.models.sound import SoundTower
from mm.models.sound_torch import SoundEncoder
from mm.training.sound_data import Sounds

Float = npt.NDArray[np.float32]
Int = npt.NDArray[np.int64]


class TorchTower(SoundTower):
    """The tower as it is served, with the network in torch."""

    def __init__(self, encoder: SoundEncoder) -> None:
        self._encoder = encoder.eval()

    @torch.no_grad()
    def scores(self, logmel: Float) -> tuple[Float, Float]:
        directions, logits = self._encoder(torch.from_numpy(logmel).to(self._encoder.vectors.device))
        return directions.float().cpu().numpy(), logits.sigmoid().float().cpu().numpy()


def folds(labels: list[str]) -> Iterator[tuple[str, ...]]:
    """The strict protocol: the labels that are left out in each fold, two of ten; together all of them, each once."""
    half = (len(labels) + 1) // 2
    for first in range(half):
        yield tuple(labels[first::half])


def dev_rows(sounds: Sounds, labels: tuple[str, ...] = ()) -> Int:
    """Numbers of the labelled sounds of dev; with `labels`, of these alone."""
    wanted = [sounds.labels.index(label) for label in labels] or list(range(len(sounds.labels)))
    return np.flatnonzero(sounds.dev_N & np.isin(sounds.label_N, wanted))


def prompt_scores(tower: SoundTower, sounds: Sounds, rows: Int) -> Float:
    """(N, C) cosines of sounds with the prompts of all labels; 0 for a sound in which nothing sounds."""
    prompts_CD = sounds.label_vectors_CQD[:, 0]
    vectors = [tower.embed(sounds.waveform(row)) for row in rows]
    return np.stack([prompts_CD @ vector if vector is not None else np.zeros(len(prompts_CD), np.float32) for vector in vectors])


def teacher_scores(tower: SoundTower, sounds: Sounds, rows: Int) -> Float:
    """(N, C) the teacher's own answer: its mean score of the one class whose text lies nearest to the label's."""
    from mm.models.sound import patch_starts
    from mm.models.sound_net import log_mel, patches

    nearest_C = (sounds.class_vectors_KD @ sounds.label_vectors_CQD[:, 0].T).argmax(0)
    found = []
    for row in rows:
        waveform = sounds.waveform(row)
        _, scores_PK = tower.scores(log_mel(patches(waveform, patch_starts(len(waveform)))))
        found.append(scores_PK.mean(0)[nearest_C])
    return np.stack(found)
