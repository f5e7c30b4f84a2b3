"""One run of the sound tower: what is trained, the step, and what is kept of it.

Names of tensors end in their axes: B windows, P patches, K classes, D dimensions, Q ways to say a label.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mm.errors import InvalidInput
from mm.models.sound_torch import SoundEncoder
from mm.training.averages import MovingAverage
from mm.training.checkpoint import read_state, write_state
from mm.training.sound_config import SoundConfig, fingerprint
from mm.training.sound_data import Sounds
from mm.training.sound_features import LogMel
from mm.training.sound_windows import Windows, draw_windows, hide

_WARM_UP, _MAX_NORM, _AVERAGE = 0.1, 5.0, 0.99  # share of the steps; of the gradient; decay of the moving average

Report = Callable[[int, str], None]


class SoundRun:
    """The tower, which starts as the teacher is, and the teacher, which stays."""

    def __init__(self, config: SoundConfig, sounds: Sounds, teacher: dict[str, Tensor], device: torch.device) -> None:
        self.config, self.device = config, device
        self.sounds = sounds
        self.samples = torch.from_numpy(sounds.samples).to(device)
        self.bounds_N2 = torch.from_numpy(sounds.bounds_N).to(device)
        self.label_N = torch.from_numpy(sounds.label_N).to(device)
        self.text_ND, self.picture_ND = (torch.from_numpy(rows).to(device) for rows in (sounds.text_ND, sounds.picture_ND))
        self.ways_CQD = torch.from_numpy(sounds.label_vectors_CQD).to(device)
        self.heard = heard(sounds, config.left_out).to(device)
        self.logmel = LogMel().to(device)
        self.teacher = starting(teacher, sounds).to(device).eval().requires_grad_(False)
        self.teacher.vectors.mul_(self._telling()[:, None])
        self.encoder = starting(teacher, sounds).to(device)
        with torch.no_grad():
            self.encoder.vectors.copy_(self.teacher.vectors)
        self.average = MovingAverage(self.encoder, _AVERAGE)
        self.optimizer = torch.optim.AdamW(self.encoder.parameters(), config.rate, weight_decay=config.weight_decay)
        self.step = 0

    def advance(self, seed: int, path: Path, report: Report) -> dict[str, Tensor]:
        """Go on to the last step from what `path` keeps; the moving average of the weights. Raises `InvalidInput`, `Corrupt`."""
        kept = read_state(path, self.device)
        if kept is not None:
            if kept["recipe"] != fingerprint(self.config):
                raise InvalidInput(f"{path} belongs to another recipe; choose another output folder or remove it.")
            self._restore(kept)
        while self.step < self.config.steps:
            loss = self._step(seed)
            if self.step % self.config.save_every == 0 or self.step == self.config.steps:
                write_state(path, {**self._state(), "recipe": fingerprint(self.config)})
                report(self.step, f"loss {float(loss):.3f}")
        return {name: value.detach().cpu().clone() for name, value in self.average.module.state_dict().items()}

    def _step(self, seed: int) -> Tensor:
        """All randomness comes from (seed, step), so that a resumed run goes on as if it had not stopped."""
        config = self.config
        random = torch.Generator(self.device).manual_seed(seed * 1_000_003 + self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = config.rate * _schedule(self.step / config.steps)
        chosen_B = self.heard[torch.randint(len(self.heard), (config.batch,), generator=random, device=self.device)]
        patches = 1 + self.step % config.longest
        windows = draw_windows(self.samples, self.bounds_N2, chosen_B, self.heard, patches, random)
        logmel_PTM = self.logmel(windows.waveforms_BPW.flatten(0, 1))
        self.encoder.train()
        with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            placed_PD, known_PK = self.teacher(logmel_PTM)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            directions_PD, logits_PK = self.encoder(hide(logmel_PTM, random))
        sound_BD = _mean_direction(directions_PD.float(), config.batch)
        loss = config.placed * (1 - (sound_BD * _mean_direction(placed_PD.float(), config.batch)).sum(1)).mean()
        loss = loss + config.retention * functional.binary_cross_entropy_with_logits(
            logits_PK.float(), known_PK.float().sigmoid()
        )
        loss = loss + config.contrast * self._said(sound_BD, windows, random)
        loss = loss + config.pictured * self._pictured(sound_BD, windows)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.encoder.parameters(), _MAX_NORM)
        self.optimizer.step()
        self.average.update(self.encoder)
        self.step += 1
        return loss.detach()

    def _said(self, sound_BD: Tensor, windows: Windows, random: torch.Generator) -> Tensor:
        """Contrast with the texts of the batch, each said in one of its ways; sounds of one label do not count against each other."""
        label_B = self.label_N[windows.sound_B]
        way_B = torch.randint(self.ways_CQD.shape[1], (len(label_B),), generator=random, device=self.device)
        text_BD = torch.where((label_B >= 0)[:, None], self.ways_CQD[label_B.clamp(min=0), way_B], self.text_ND[windows.sound_B])
        same_BB = (label_B[:, None] == label_B) & (label_B >= 0)[:, None] | (windows.sound_B[:, None] == windows.sound_B)
        also_BB = windows.mixed_B[:, None] == windows.sound_B  # what is mixed in is heard too
        mixed_B = torch.where(windows.mixed_B >= 0, self.label_N[windows.mixed_B.clamp(min=0)], -1)
        also_BB = also_BB | (mixed_B[:, None] == label_B) & (label_B >= 0)
        return _contrast(sound_BD, text_BD, same_BB | also_BB, text_BD.norm(dim=1) > 0, self.config.temperature)

    def _pictured(self, sound_BD: Tensor, windows: Windows) -> Tensor:
        picture_BD = self.picture_ND[windows.sound_B]
        same_BB = windows.sound_B[:, None] == windows.sound_B
        return _contrast(sound_BD, picture_BD, same_BB, picture_BD.norm(dim=1) > 0, self.config.temperature)

    @torch.no_grad()
    def _telling(self) -> Tensor:
        """(K,) how much a class tells: those that the teacher hears in everything ('Animal', 'Inside, small room') tell little."""
        return telling(torch.cat([scores for scores in self._scores()]))

    @torch.no_grad()
    def _scores(self) -> list[Tensor]:
        random = torch.Generator(self.device).manual_seed(0)
        found = []
        for chosen_B in self.heard.split(64):
            windows = draw_windows(self.samples, self.bounds_N2, chosen_B, self.heard, 1, random)
            found.append(self.teacher(self.logmel(windows.waveforms_BPW.flatten(0, 1)))[1].sigmoid())
        return found

    def _state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "encoder": self.encoder.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.module.state_dict(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.encoder.load_state_dict(state["encoder"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.module.load_state_dict(state["average"])
        self.average.steps = state["step"]


def heard(sounds: Sounds, left_out: tuple[str, ...]) -> Tensor:
    """Numbers of the sounds that may be heard: train, without the labels left out.

    Where labels are left out, Tux Paint is too: it has dogs and roosters under names of its own. Raises `InvalidInput` for a label
    that there is not.
    """
    unknown = sorted(set(left_out) - set(sounds.labels))
    if unknown:
        raise InvalidInput(f"There is no label {unknown[0]!r}; labels are {', '.join(sounds.labels)}.")
    numbers = [sounds.labels.index(label) for label in left_out]
    train_N = ~sounds.dev_N & ~torch.isin(torch.from_numpy(sounds.label_N), torch.tensor(numbers, dtype=torch.int64)).numpy()
    if left_out:
        train_N &= sounds.source_N != 1
    return torch.from_numpy(train_N.nonzero()[0])


def starting(teacher: dict[str, Tensor], sounds: Sounds) -> SoundEncoder:
    """The teacher's network with the classes where their texts are."""
    encoder = SoundEncoder(*sounds.class_vectors_KD.shape)
    if len(teacher["classes.bias"]) != len(sounds.class_vectors_KD):
        raise InvalidInput(
            f"The teacher has {len(teacher['classes.bias'])} classes, the list of names {len(sounds.class_vectors_KD)}."
        )
    encoder.load_state_dict({**teacher, "vectors": torch.from_numpy(sounds.class_vectors_KD)})
    return encoder


def telling(scores_PK: Tensor) -> Tensor:
    """(K,) weights of the classes by how rarely they are heard."""
    return 1 / (0.01 + scores_PK.mean(0)).sqrt()


def _mean_direction(directions_PD: Tensor, count: int) -> Tensor:
    return functional.normalize(directions_PD.unflatten(0, (count, -1)).mean(1), dim=1)


def _contrast(sound_BD: Tensor, other_BD: Tensor, same_BB: Tensor, known_B: Tensor, temperature: float) -> Tensor:
    """InfoNCE both ways among the windows of which the other side is known; 0 where there are fewer than two."""
    if int(known_B.sum()) < 2:
        return sound_BD.sum() * 0
    rows = known_B.nonzero()[:, 0]
    scores = sound_BD[rows] @ other_BD[rows].T / temperature
    same = same_BB[rows][:, rows] & ~torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    aim = torch.arange(len(rows), device=rows.device)
    there = functional.cross_entropy(scores.masked_fill(same, -1e4), aim)
    back = functional.cross_entropy(scores.T.masked_fill(same.T, -1e4), aim)
    return (there + back) / 2


def _schedule(share: float) -> float:
    return min(share / _WARM_UP, 1.0) * 0.5 * (1 + math.cos(math.pi * share))
