"""One run of the temporal network: films drawn anew for each step, beginnings of shots and scenes
as truth."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from mm.errors import InvalidInput
from mm.models.temporal.frames import FrameSequence
from mm.models.temporal.network_torch import TemporalNetwork, make_batch
from mm.runtimes import usable_cores
from mm.training.checkpoint import read_state, write_state
from mm.training.temporal.data import Float, Material, draw_film
from mm.training.temporal.recipe import TemporalRecipe, fingerprint

Report = Callable[[int, str], None]
Film = tuple[FrameSequence, npt.NDArray[np.bool_]]

WARM = 0.05
"""Share of the steps in which the rate rises."""
STEPS_OF_A_SEED = 1_000_003
MOST_DRAWERS = 30
"""Processes that draw films, at most."""


class Steps(Dataset[list[Film]]):
    """The films of each step."""

    def __init__(self, recipe: TemporalRecipe, material: Material, seed: int, steps: range) -> None:
        self._recipe, self._material, self._seed, self._steps = recipe, material, seed, steps

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, index: int) -> list[Film]:
        recipe, step = self._recipe, self._steps[index]
        return [
            draw_film(self._material, (self._seed, step, number), recipe.seconds, recipe.noise) for number in range(recipe.batch)
        ]


def as_drawn(films: list[Film]) -> list[Film]:
    """What a loader would else make tensors of."""
    return films


class TemporalRun:
    """The network, its average, and the optimizer."""

    def __init__(self, recipe: TemporalRecipe, material: Material, seed: int, device: torch.device) -> None:
        self._recipe, self._material, self._seed, self._device = recipe, material, seed, device
        torch.manual_seed(seed)
        self.network = TemporalNetwork(recipe.network, recipe.dropout, attention(device)).to(device)
        matrices = [value for value in self.network.parameters() if value.ndim > 1]
        rest = [value for value in self.network.parameters() if value.ndim < 2]
        groups = [{"params": matrices, "weight_decay": recipe.decay}, {"params": rest, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98))
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.step = 0

    def advance(self, path: Path, report: Report) -> dict[str, Float]:
        """Go on to the last step from what `path` keeps; the averaged weights. Raises
        `InvalidInput`, `Corrupt`."""
        kept = read_state(path, self._device)
        if kept is not None:
            if kept["recipe"] != fingerprint(self._recipe):
                raise InvalidInput(f"{path} belongs to another recipe; choose another output folder or remove it.")
            self._restore(kept)
        for drawn in self._films():
            loss = self._step(drawn)
            if self.step % self._recipe.save_every == 0 or self.step == self._recipe.steps:
                write_state(path, {**self._state(), "recipe": fingerprint(self._recipe)})
                report(self.step, f"loss {float(loss):.4f}")
        return {name: value.cpu().numpy() for name, value in self.average.items()}

    def _films(self) -> Iterable[list[Film]]:
        """The films of each step that is left, drawn ahead by other processes where there are cores
        to spare."""
        steps = Steps(self._recipe, self._material, self._seed, range(self.step, self._recipe.steps))
        spare = min(usable_cores() - 2, MOST_DRAWERS)
        if spare < 1:
            return (steps[index] for index in range(len(steps)))
        return DataLoader(steps, batch_size=None, num_workers=spare, prefetch_factor=4, collate_fn=as_drawn)

    def _step(self, drawn: list[Film]) -> Tensor:
        """All randomness comes from (seed, step), so that a resumed run goes on as if it had not
        stopped."""
        recipe = self._recipe
        torch.manual_seed(self._seed * STEPS_OF_A_SEED + self.step)
        self.network.train()
        batch = make_batch(recipe.network, [frames for frames, _ in drawn], self._device)
        logits = self.network(batch)
        truth, real = (torch.zeros_like(logits) for _ in range(2))
        for number, (_, begins) in enumerate(drawn):
            truth[number, : len(begins)] = torch.from_numpy(begins).to(truth)
            real[number, 1 : len(begins)] = 1.0
        loss = (functional.binary_cross_entropy_with_logits(logits, truth, reduction="none") * real).sum() / real.sum()
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        keep = min(recipe.average, self.step / (self.step + 10))
        for name, value in self.network.state_dict().items():
            self.average[name].lerp_(value, 1 - keep)
        return loss.detach()

    def _rate(self) -> float:
        share = self.step / self._recipe.steps
        return self._recipe.rate * (share / WARM if share < WARM else 0.5 + 0.5 * math.cos(math.pi * (share - WARM) / (1 - WARM)))

    def _state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimizer.load_state_dict(state["optimizer"])


def attention(device: torch.device) -> Callable[..., Tensor]:
    """The kernel on a GPU, else its plain twin."""
    if device.type == "cuda":
        from kernels.windowed_attention import windowed_attention as kernel

        return kernel
    from kernels.windowed_attention_torch import windowed_attention as twin

    return twin
