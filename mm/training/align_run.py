"""One run of an alignment: the network, its optimizer and moving average, the epoch, and what it resumes from.

What a step learns from, a subclass says. Names of tensors end in their axes: N pictures, C channels, H height, W width,
D dimensions of the space, K classes.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from mm.errors import InvalidInput
from mm.models.efficientnet_lite_torch import ImageEncoder
from mm.training.align_config import AlignConfig
from mm.training.align_data import CaptionedTensors
from mm.training.align_rates import decay_groups
from mm.training.averages import MovingAverage

_WARM_UP, _MAX_NORM = 2.0, 5.0  # epochs; of the gradient


class Projected(nn.Module):
    """Gives the class logits beside the vectors, through a `forward` that can be distributed."""

    def __init__(self, encoder: ImageEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixels_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder.project(self.encoder.features(pixels_NCHW))


class Run(ABC):
    """What is trained, what is kept beside it, and the epoch."""

    def __init__(
        self,
        name: str,
        config: AlignConfig,
        train: CaptionedTensors,
        encoder: ImageEncoder,
        device: torch.device,
        *,
        epochs: int,
        layer_decay: float = 1.0,
        learnt: Sequence[nn.Parameter] = (),
    ) -> None:
        """`learnt` are the loss's own parameters. Raises `InvalidInput` for a batch that cannot be drawn."""
        self.name, self.config, self.train, self.device, self.epochs = name, config, train, device, epochs
        distributed = torch.distributed.is_initialized()
        self.rank = torch.distributed.get_rank() if distributed else 0
        self.world = torch.distributed.get_world_size() if distributed else 1
        if config.batch % self.world or config.batch > len(train.pictures):
            raise InvalidInput(
                f"A batch of {config.batch} cannot be drawn from {len(train.pictures)} pictures by {self.world} processes."
            )
        self.encoder = encoder
        self.average = MovingAverage(encoder, config.average)
        self.forward = self._distributed(Projected(encoder))
        groups = decay_groups(encoder, learnt, config.rate, config.weight_decay, layer_decay)
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98))
        self.epoch = 0

    @abstractmethod
    def begin(self) -> None:
        """Set the weights that a run starts from which takes up no state."""

    @abstractmethod
    def loss(self, rows: Tensor, step: int, random: torch.Generator) -> Tensor:
        """What this process's rows of one step cost."""

    @abstractmethod
    def order(self) -> Tensor:
        """Rows (N,) of the pictures in this epoch's order."""

    @property
    def seed(self) -> int:
        """Of the epoch at hand and this process. Views follow from it."""
        return self.epoch_seed * 1_009 + self.rank

    @property
    @abstractmethod
    def epoch_seed(self) -> int:
        """Of the epoch at hand."""

    @property
    def steps(self) -> int:
        """Steps an epoch; what does not fill a batch waits for the next epoch's order."""
        return len(self.train.pictures) // self.config.batch

    def run_epoch(self) -> float:
        """One pass over the pictures; returns the mean loss.

        All randomness comes from seeds of the epoch and the process, so that a resumed run goes on as if it had not stopped.
        """
        order, random = self.order(), torch.Generator(self.device).manual_seed(self.seed)
        torch.manual_seed(self.seed)
        self.forward.train()
        total = torch.zeros((), device=self.device)
        for step in range(self.steps):
            self._set_rate(self.epoch + step / self.steps)
            total += self._step(self.rows(order, step), step, random)
        self.epoch += 1
        return float(total) / self.steps

    def rows(self, order: Tensor, step: int) -> Tensor:
        """This process's rows of a step."""
        batch = self.config.batch
        return order[step * batch : (step + 1) * batch][self.rank :: self.world].to(self.device)

    def precision(self) -> AbstractContextManager[object]:
        """bfloat16 on a GPU, float32 on a CPU, where a run must repeat bit by bit."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")

    def _step(self, rows: Tensor, step: int, random: torch.Generator) -> Tensor:
        loss = self.loss(rows, step, random)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([weight for group in self.optimizer.param_groups for weight in group["params"]], _MAX_NORM)
        self.optimizer.step()
        self.average.update(self.encoder)
        return loss.detach()

    def _distributed(self, module: nn.Module) -> nn.Module:
        if self.world == 1:
            return module
        devices = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(module, device_ids=devices)

    def _set_rate(self, epoch: float) -> None:
        """Linear warm-up, then half a cosine down to 0."""
        warm = min(1.0, (epoch + 1 / self.steps) / _WARM_UP)
        share = warm * (1 + math.cos(math.pi * epoch / self.epochs)) / 2
        for group in self.optimizer.param_groups:
            group["lr"] = group["highest"] * share

    def state(self) -> dict[str, Any]:
        """All that the next epoch depends on."""
        return {
            "epoch": self.epoch,
            "encoder": self.encoder.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.module.state_dict(),
            "average_steps": self.average.steps,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state that `state()` gave."""
        self.encoder.load_state_dict(state["encoder"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))  # it would take the tensors themselves
        self.average.module.load_state_dict(state["average"])
        self.average.steps = state["average_steps"]
        self.epoch = state["epoch"]
