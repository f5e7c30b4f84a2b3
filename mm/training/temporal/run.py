"""One run of the temporal network, by steps; videos and their boundaries are drawn for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Dataset

from mm.models.temporal.network_torch import TemporalNetwork, make_batch
from mm.runtimes import count_usable_cores
from mm.training.averaging import create_moving_average
from mm.training.checkpoint import RunState
from mm.training.schedule import cosine_decay, linear_warmup
from mm.training.temporal.footage_vectors import Float, FootageVectors
from mm.training.temporal.recipe import TemporalRecipe
from mm.training.temporal.sequences import LabelledSequence, draw_sequence

WARM_UP = 0.05
"""Share of the steps in which the learning rate rises."""
SEED_STRIDE = 1_000_003
"""Steps of different seeds draw from different random numbers."""
MAX_WORKERS = 30
"""Processes that draw videos, at most."""


class DrawnBatches(Dataset[list[LabelledSequence]]):
    """The videos of each step."""

    def __init__(self, recipe: TemporalRecipe, vectors: FootageVectors, seed: int, steps: range) -> None:
        self._recipe, self._vectors, self._seed, self._steps = recipe, vectors, seed, steps

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, index: int) -> list[LabelledSequence]:
        recipe, step = self._recipe, self._steps[index]
        seeds = [(self._seed, step, number) for number in range(recipe.batch)]
        return [draw_sequence(self._vectors, seed, recipe.seconds, recipe.noise) for seed in seeds]


def keep_batch(batch: list[LabelledSequence]) -> list[LabelledSequence]:
    """Collate nothing: sequences have different lengths."""
    return batch


class TemporalRun:
    """The network, its moving average, optimizer and schedule."""

    def __init__(self, recipe: TemporalRecipe, vectors: FootageVectors, seed: int, device: torch.device) -> None:
        self._recipe, self._vectors, self._seed, self.device = recipe, vectors, seed, device
        torch.manual_seed(seed)
        self.network = TemporalNetwork(recipe.network, recipe.dropout, choose_attention(device)).to(device)
        matrices = [value for value in self.network.parameters() if value.ndim > 1]
        others = [value for value in self.network.parameters() if value.ndim < 2]
        groups = [{"params": matrices, "weight_decay": recipe.decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98))
        self.schedule = LambdaLR(self.optimizer, self._rate_factor)
        self.average = create_moving_average(self.network, recipe.average)
        self.num_done = 0
        self._batches: Iterator[list[LabelledSequence]] | None = None

    def advance(self) -> Tensor:
        """Run one step; return its loss.

        All randomness comes from seed and step, so that a resumed run gives the same result.
        """
        self._batches = self._batches or self._draw_batches()
        loss = self._loss(next(self._batches))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.average.update_parameters(self.network)
        self.num_done += 1
        return loss.detach()

    def averaged_weights(self) -> dict[str, Float]:
        """The moving average as arrays."""
        return {name: value.cpu().numpy() for name, value in self.average.module.state_dict().items()}

    def state(self) -> RunState:
        """All that the next step depends on."""
        return {
            "step": self.num_done,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
        }

    def restore(self, state: RunState) -> None:
        """Continue from a value of `state`."""
        self.num_done = state["step"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])

    def _loss(self, videos: list[LabelledSequence]) -> Tensor:
        """Binary cross-entropy over all frames but the first of each video."""
        torch.manual_seed(self._seed * SEED_STRIDE + self.num_done)
        self.network.train()
        logits = self.network(make_batch(self._recipe.network, [frames for frames, _ in videos], self.device))
        targets, is_counted = (torch.zeros_like(logits) for _ in range(2))
        for number, (_, labels) in enumerate(videos):
            targets[number, : len(labels)] = torch.from_numpy(labels).to(targets)
            is_counted[number, 1 : len(labels)] = 1.0
        losses = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        return (losses * is_counted).sum() / is_counted.sum()

    def _draw_batches(self) -> Iterator[list[LabelledSequence]]:
        """The videos of the remaining steps, drawn ahead by other processes on spare cores."""
        batches = DrawnBatches(self._recipe, self._vectors, self._seed, range(self.num_done, self._recipe.steps))
        num_workers = min(count_usable_cores() - 2, MAX_WORKERS)
        if num_workers < 1:
            return (batches[index] for index in range(len(batches)))
        return iter(DataLoader(batches, batch_size=None, num_workers=num_workers, prefetch_factor=4, collate_fn=keep_batch))

    def _rate_factor(self, step: int) -> float:
        warm_up = WARM_UP * self._recipe.steps
        return linear_warmup(step, warm_up) * cosine_decay(step - warm_up, self._recipe.steps - warm_up)


def choose_attention(device: torch.device) -> Callable[..., Tensor]:
    """The Triton kernel on a GPU, else its reference implementation."""
    if device.type == "cuda":
        from kernels.windowed_attention import windowed_attention as kernel

        return kernel
    from kernels.windowed_attention_torch import windowed_attention as reference

    return reference
