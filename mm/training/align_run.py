"""One alignment run: what is trained, what is kept beside it, the step and the epoch.

Names of tensors end in their axes: N pictures, C channels, H height, W width, D dimensions of the space, K classes.
"""

from __future__ import annotations

import copy
import math
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
from mm.training.align_losses import Contrast, divergence, gathered
from mm.training.align_start import fit_head, imagenet_encoder
from mm.training.augment import draw_captions, draw_views, mix
from mm.training.averages import MovingAverage

_WARM_UP, _MAX_NORM = 2.0, 5.0  # epochs; of the gradient


class _Projected(nn.Module):
    """Gives the class logits beside the vectors, through a `forward` that can be distributed."""

    def __init__(self, encoder: ImageEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixels_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder.project(self.encoder.features(pixels_NCHW))


class Alignment:
    """One run: what is trained, what is kept beside it, and the step."""

    def __init__(self, config: AlignConfig, train: CaptionedTensors, class_vectors_KD: Tensor, device: torch.device) -> None:
        self.config, self.train, self.device = config, train, device
        distributed = torch.distributed.is_initialized()
        self.rank = torch.distributed.get_rank() if distributed else 0
        self.world = torch.distributed.get_world_size() if distributed else 1
        if config.batch % self.world or config.batch > len(train.pictures):
            raise InvalidInput(
                f"A batch of {config.batch} cannot be drawn from {len(train.pictures)} pictures by {self.world} processes."
            )
        self.encoder = self._placed(imagenet_encoder(class_vectors_KD, config.dropout))
        self.original = _Projected(self._placed(imagenet_encoder(class_vectors_KD, 0.0))).eval().requires_grad_(False)
        self.contrast = Contrast().to(device)
        self.average = MovingAverage(self.encoder, config.average)
        self.forward = self._distributed(_Projected(self.encoder))
        self.optimizer = torch.optim.AdamW(self._groups(), betas=(0.9, 0.98))
        self.epoch = 0

    def begin(self) -> None:
        """Fit the head in closed form: where a run starts that takes up no state."""
        fit_head(self.encoder, self.train.pictures, self.train.captions, self.config.size)
        self.average = MovingAverage(self.encoder, self.config.average)

    @property
    def steps(self) -> int:
        """Steps an epoch; what does not fill a batch waits for the next epoch's order."""
        return len(self.train.pictures) // self.config.batch

    def run_epoch(self, seed: int) -> float:
        """One pass over the pictures; returns the mean loss.

        All randomness comes from (seed, epoch, process), so that a resumed run goes on as if it had not stopped.
        """
        order_random = torch.Generator().manual_seed(seed * 100_003 + self.epoch)
        order = torch.randperm(len(self.train.pictures), generator=order_random)
        own_seed = (seed * 100_003 + self.epoch) * 1_009 + self.rank
        torch.manual_seed(own_seed)
        random = torch.Generator(self.device).manual_seed(own_seed)
        self.forward.train()
        total = torch.zeros((), device=self.device)
        for step in range(self.steps):
            rows = order[step * self.config.batch : (step + 1) * self.config.batch][self.rank :: self.world]
            self._set_rate(self.epoch + step / self.steps)
            total += self._step(rows.to(self.device), random)
        self.epoch += 1
        return float(total) / self.steps

    def _step(self, rows: Tensor, random: torch.Generator) -> Tensor:
        config = self.config
        with torch.no_grad():
            pixels_NCHW = draw_views(self.train.pictures[rows], config.size, config.views, random)
            captions_ND = draw_captions(self.train.captions[rows], random)
            pixels_NCHW, captions_ND = mix(pixels_NCHW, captions_ND, config.views.mixup, random)
            pixels_NCHW = pixels_NCHW.contiguous(memory_format=torch.channels_last)
        with self._precision():
            pictures_ND, logits_NK = self.forward(pixels_NCHW)
            with torch.no_grad():
                original_NK = self.original(pixels_NCHW)[1]
        loss: Tensor = self.contrast(gathered(pictures_ND), gathered(captions_ND))
        loss = loss + config.retention * divergence(logits_NK, original_NK)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([weight for group in self.optimizer.param_groups for weight in group["params"]], _MAX_NORM)
        self.optimizer.step()
        self.average.update(self.encoder)
        return loss.detach()

    def _placed(self, encoder: ImageEncoder) -> ImageEncoder:
        return encoder.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def _distributed(self, module: nn.Module) -> nn.Module:
        if self.world == 1:
            return module
        devices = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(module, device_ids=devices)

    def _precision(self) -> AbstractContextManager[object]:
        """bfloat16 on a GPU, float32 on a CPU, where a run must repeat bit by bit."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")

    def _groups(self) -> list[dict[str, Any]]:
        """Parameters by whether they decay: norms, biases and scales do not."""
        named = [*self.encoder.parameters(), *self.contrast.parameters()]
        weights = [weight for weight in named if weight.requires_grad]
        return [
            {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": self.config.weight_decay},
            {"params": [weight for weight in weights if weight.ndim <= 1], "weight_decay": 0.0},
        ]

    def _set_rate(self, epoch: float) -> None:
        """Linear warm-up, then half a cosine down to 0."""
        warm = min(1.0, (epoch + 1 / self.steps) / _WARM_UP)
        rate = self.config.rate * warm * (1 + math.cos(math.pi * epoch / self.config.epochs)) / 2
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def state(self) -> dict[str, Any]:
        """All that the next epoch depends on."""
        return {
            "epoch": self.epoch,
            "encoder": self.encoder.state_dict(),
            "contrast": self.contrast.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.module.state_dict(),
            "average_steps": self.average.steps,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state that `state()` gave."""
        self.encoder.load_state_dict(state["encoder"])
        self.contrast.load_state_dict(state["contrast"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))  # it would take the tensors themselves
        self.average.module.load_state_dict(state["average"])
        self.average.steps = state["average_steps"]
        self.epoch = state["epoch"]
