"""One stage of a training: optimizer, schedule, and the balance of experts, by steps."""

from __future__ import annotations

import copy
import time
import zlib

import torch
from torch import Tensor

from mm.training.checkpoint import RunState
from mm.training.language.experts.balance import ExpertBalance
from mm.training.language.model import TrainedModel
from mm.training.language.objectives import Objective
from mm.training.language.recipe import LanguageRecipe, StageName
from mm.training.schedule import cosine_decay, linear_warmup

WARM_UP = 0.05
"""Share of the steps in which the learning rate rises."""
MAX_GRADIENT_NORM = 1.0


class StageRun:
    """Trains a model on an objective. Implements `mm.training.loop.Run`."""

    def __init__(
        self, recipe: LanguageRecipe, stage: StageName, model: TrainedModel, objective: Objective, balance: ExpertBalance | None
    ) -> None:
        self._recipe, self._stage, self._sizes = recipe, stage, recipe.stages[stage]
        self._model, self._objective, self._balance = model, objective, balance
        if balance is not None:
            balance.restore({})  # the averages are those of the stage
        self.device = model.device
        groups = model.group_parameters(recipe)
        self._rates = [float(str(group["lr"])) * self._sizes.rate for group in groups]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=self.device.type == "cuda")
        self._weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        self.num_done = 0
        self.seconds = 0.0
        """Of the steps that are done."""

    @property
    def is_out_of_time(self) -> bool:
        """Whether the stage's minutes have passed."""
        return 0 < 60 * self._sizes.minutes <= self.seconds

    @property
    def progress(self) -> float:
        """Share of the stage that is done, by steps or by time, whichever is more."""
        by_time = self.seconds / (60 * self._sizes.minutes) if self._sizes.minutes else 0.0
        return min(1.0, max(self.num_done / self._sizes.steps, by_time))

    def advance(self) -> Tensor:
        """Run one step; return its loss.

        All randomness comes from seed, stage and step, so that without a limit of time a resumed
        run gives the same result.
        """
        start = time.monotonic()
        torch.manual_seed(zlib.crc32(f"{self._recipe.seed} {self._stage} {self.num_done}".encode()))
        self._model.train()
        self._model.set_quantized(self.progress >= self._sizes.quantize_from)
        factor = linear_warmup(self.num_done + 1, WARM_UP * self._sizes.steps) * cosine_decay(self.progress, 1.0)
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        loss = self._objective.compute_loss(self.num_done)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._weights, MAX_GRADIENT_NORM)
        self.optimizer.step()
        if self._balance is not None:
            self._balance.update(self.progress)
        self.num_done += 1
        self.seconds += time.monotonic() - start
        return loss.detach()

    def state(self) -> RunState:
        """All that the next step depends on."""
        return {
            "step": self.num_done,
            "seconds": self.seconds,
            "model": self._model.trained_state(),
            "optimizer": self.optimizer.state_dict(),
            "balance": {} if self._balance is None else self._balance.state(),
        }

    def restore(self, state: RunState) -> None:
        """Continue from a value of `state`."""
        self.num_done, self.seconds = state["step"], state["seconds"]
        self._model.load_trained(state["model"])
        if self._balance is not None:
            self._balance.restore(state["balance"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))  # the optimizer would share the tensors
