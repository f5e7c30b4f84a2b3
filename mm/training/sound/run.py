"""One run of the sound tower: the classes' vectors, moved from where texts place them until sounds
lie near what they are called.

The network stays. Trained as a whole it told the labels that it heard apart, and gave sounds of all
others to them. Names of tensors end in their axes: B sounds of a step, K classes, D dimensions, N
sounds, T takes, C labels, Q ways to say them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mm.errors import InvalidInput
from mm.training.checkpoint import read_state, write_state
from mm.training.sound.data import ESC10, TUXPAINT, Float, Sounds
from mm.training.sound.recipe import SoundConfig, fingerprint
from mm.training.sound.teacher_scores import Takes

Report = Callable[[int, str], None]


class SoundRun:
    """The vectors, and what they are trained on."""

    def __init__(self, config: SoundConfig, sounds: Sounds, takes: Takes) -> None:
        self.config = config
        self.heard = torch.from_numpy(heard(sounds, config.left_out))
        self.scores_TNK = torch.from_numpy(takes.scores)
        self.mixed_TN = torch.from_numpy(takes.mixed)
        self.label_N = torch.from_numpy(sounds.label)
        self.text_ND, self.picture_ND = torch.from_numpy(sounds.text), torch.from_numpy(sounds.picture)
        self.ways_CQD = torch.from_numpy(sounds.label_vectors)
        self.start_KD = torch.from_numpy(centred(sounds.class_vectors))
        self.vectors_KD = self.start_KD.clone().requires_grad_(True)
        self.optimizer = torch.optim.Adam([self.vectors_KD], config.rate)
        self.step = 0

    def advance(self, seed: int, path: Path, report: Report) -> Tensor:
        """Go on to the last step from what `path` keeps; the vectors (K, D). Raises `InvalidInput`,
        `Corrupt`."""
        kept = read_state(path, torch.device("cpu"))
        if kept is not None:
            if kept["recipe"] != fingerprint(self.config):
                raise InvalidInput(f"{path} belongs to another recipe; choose another output folder or remove it.")
            self._restore(kept)
        while self.step < self.config.steps:
            loss = self._step(seed)
            if self.step % self.config.save_every == 0 or self.step == self.config.steps:
                write_state(path, {**self._state(), "recipe": fingerprint(self.config)})
                report(self.step, f"loss {float(loss):.3f}")
        return self.vectors_KD.detach().clone()

    def _step(self, seed: int) -> Tensor:
        """All randomness comes from (seed, step), so that a resumed run goes on as if it had not
        stopped."""
        config = self.config
        random = torch.Generator().manual_seed(seed * 1_000_003 + self.step)
        sound_B = self.heard[torch.randperm(len(self.heard), generator=random)[: config.batch]]
        take_B = torch.randint(len(self.scores_TNK), (len(sound_B),), generator=random)
        mixed_B = self.mixed_TN[take_B, sound_B]
        heard_BD = functional.normalize(self.scores_TNK[take_B, sound_B] @ self.vectors_KD, dim=1)
        loss = self._said(heard_BD, sound_B, mixed_B, random)
        loss = loss + config.pictured * self._pictured(heard_BD, sound_B, mixed_B)
        loss = loss + config.anchor * (self.vectors_KD - self.start_KD).square().sum(1).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.step += 1
        return loss.detach()

    def _said(self, heard_BD: Tensor, sound_B: Tensor, mixed_B: Tensor, random: torch.Generator) -> Tensor:
        """Contrast with texts, each said in one of its ways; sounds of a label, and what is mixed
        in, do not count against it."""
        label_B = self.label_N[sound_B]
        way_B = torch.randint(self.ways_CQD.shape[1], (len(label_B),), generator=random)
        text_BD = torch.where((label_B >= 0)[:, None], self.ways_CQD[label_B.clamp(min=0), way_B], self.text_ND[sound_B])
        there_B = torch.where(mixed_B >= 0, self.label_N[mixed_B.clamp(min=0)], -1)
        alike_BB = (label_B[:, None] == label_B) | (there_B[:, None] == label_B)
        also_BB = (alike_BB & (label_B >= 0)) | (mixed_B[:, None] == sound_B)
        return _contrast(heard_BD, text_BD, also_BB, self.config.temperature)

    def _pictured(self, heard_BD: Tensor, sound_B: Tensor, mixed_B: Tensor) -> Tensor:
        return _contrast(heard_BD, self.picture_ND[sound_B], mixed_B[:, None] == sound_B, self.config.temperature)

    def _state(self) -> dict[str, Any]:
        return {"step": self.step, "vectors": self.vectors_KD.detach(), "optimizer": self.optimizer.state_dict()}

    def _restore(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        with torch.no_grad():
            self.vectors_KD.copy_(state["vectors"])
        self.optimizer.load_state_dict(state["optimizer"])


def centred(class_vectors_KD: Float) -> Float:
    """Without what all classes have in common: it is no sound, and it is most of a sum over
    many."""
    return np.asarray(class_vectors_KD - class_vectors_KD.mean(0), np.float32)


def heard(sounds: Sounds, left_out: tuple[str, ...]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Numbers of the sounds of train that texts tell something of, without those of the labels left
    out.

    Where labels are left out, Tux Paint is too: it has dogs and roosters under names of its own.
    Raises `InvalidInput` for an unknown label.
    """
    unknown = sorted(set(left_out) - set(sounds.labels))
    if unknown:
        raise InvalidInput(f"There is no label {unknown[0]!r}; labels are {', '.join(sounds.labels)}.")
    labelled_N = (sounds.source == ESC10) & ~np.isin(sounds.label, [sounds.labels.index(label) for label in left_out])
    named_N = (sounds.source == TUXPAINT) & (np.abs(sounds.text).sum(1) > 0)
    return np.flatnonzero(~sounds.dev & (labelled_N if left_out else labelled_N | named_N))


def _contrast(heard_BD: Tensor, other_BD: Tensor, also_BB: Tensor, temperature: float) -> Tensor:
    """InfoNCE both ways among the sounds of which the other side is known; 0 where there are fewer
    than two."""
    rows = (other_BD.norm(dim=1) > 0).nonzero()[:, 0]
    if len(rows) < 2:
        return heard_BD.sum() * 0
    scores = heard_BD[rows] @ other_BD[rows].T / temperature
    also = also_BB[rows][:, rows] & ~torch.eye(len(rows), dtype=torch.bool)
    aim = torch.arange(len(rows))
    there = functional.cross_entropy(scores.masked_fill(also, -1e4), aim)
    back = functional.cross_entropy(scores.T.masked_fill(also.T, -1e4), aim)
    return (there + back) / 2
