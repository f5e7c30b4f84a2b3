"""One run of an alignment: the network, its optimizer and moving average, the epoch, and what it
resumes from.

Names of tensors end in their axes: N pictures, C channels, H height, W width, T captions a picture,
D dimensions of the space, K classes, S captions of all pictures.
"""

from __future__ import annotations

import copy
import math
from contextlib import AbstractContextManager
from typing import Any

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from mm.errors import InvalidInput
from mm.models.image.efficientnet_lite_torch import ImageEncoder
from mm.training.align.augment import disturb, draw_blend, draw_captions, draw_views
from mm.training.align.data import CaptionedTensors
from mm.training.align.initialization import build_imagenet_encoder, fit_head
from mm.training.align.losses import Contrast, divergence, gathered
from mm.training.align.recipe import AlignConfig, Variant
from mm.training.averaging import MovingAverage

_WARM_UP, _MAX_NORM = 2.0, 5.0  # epochs; of the gradient


class _Projected(nn.Module):
    """Gives the class logits beside the vectors, through a `forward` that can be distributed."""

    def __init__(self, encoder: ImageEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixels_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder.project(self.encoder.features(pixels_NCHW))


class Run:
    """Contrast with captions, while the ImageNet classifier's answers are held near the
    original's."""

    def __init__(
        self,
        config: AlignConfig,
        variant: Variant,
        train: CaptionedTensors,
        class_vectors_KD: Tensor,
        original: ImageEncoder,
        device: torch.device,
    ) -> None:
        """`original` gives the class logits to hold on to; it is not trained.

        Raises `InvalidInput` for a batch that cannot be drawn.
        """
        self.config, self.variant, self.train, self.device = config, variant, train, device
        distributed = torch.distributed.is_initialized()
        self.rank = torch.distributed.get_rank() if distributed else 0
        self.world = torch.distributed.get_world_size() if distributed else 1
        if config.batch % self.world or config.batch > len(train.pictures):
            raise InvalidInput(
                f"A batch of {config.batch} cannot be drawn from {len(train.pictures)} pictures by {self.world} processes."
            )
        encoder = build_imagenet_encoder(class_vectors_KD, variant.dropout, variant.drop_path)
        self.encoder = encoder.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.original = _Projected(original)
        self.contrast = Contrast().to(device)
        self.average = MovingAverage(self.encoder, config.average)
        self.forward = self._distributed(_Projected(self.encoder))
        self.optimizer = torch.optim.AdamW(self._groups(), betas=(0.9, 0.98))
        self.epoch = 0

    @property
    def steps(self) -> int:
        """Steps an epoch; what does not fill a batch waits for the next epoch's order."""
        return len(self.train.pictures) // self.config.batch

    def begin(self) -> None:
        """Fit the head in closed form."""
        fit_head(self.encoder, self.train.pictures, self.train.captions, self.config.size)
        self.average = MovingAverage(self.encoder, self.config.average)

    def run_epoch(self) -> float:
        """One pass over the pictures; returns the mean loss.

        All randomness comes from seeds of the epoch and the process, so that a resumed run goes on
        as if it had not stopped.
        """
        seed = self.variant.seed * 100_003 + self.epoch
        order = torch.randperm(len(self.train.pictures), generator=torch.Generator().manual_seed(seed))
        random = torch.Generator(self.device).manual_seed(seed * 1_009 + self.rank)
        torch.manual_seed(seed * 1_009 + self.rank)
        self.forward.train()
        total, batch = torch.zeros((), device=self.device), self.config.batch
        for step in range(self.steps):
            self._set_rate(self.epoch + step / self.steps)
            rows = order[step * batch : (step + 1) * batch][self.rank :: self.world]
            total += self._step(rows.to(self.device), random)
        self.epoch += 1
        return float(total) / self.steps

    def _step(self, rows: Tensor, random: torch.Generator) -> Tensor:
        loss = self._loss(rows, random)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([weight for group in self.optimizer.param_groups for weight in group["params"]], _MAX_NORM)
        self.optimizer.step()
        self.average.update(self.encoder)
        return loss.detach()

    def _loss(self, rows: Tensor, random: torch.Generator) -> Tensor:
        """What a step costs, of which `rows` are this process's share. A blend of two pictures has
        the captions of both."""
        config, views = self.config, self.variant.views
        with torch.no_grad():
            pixels_NCHW = draw_views(self.train.pictures[rows], config.size, views, random)
            captions_ND = disturb(draw_captions(self.train.captions[rows], random), self.variant.text_noise, random)
            blend = draw_blend(len(rows), views.mixup, random)
            pixels_NCHW = blend(pixels_NCHW).contiguous(memory_format=torch.channels_last)
            captions_ND = functional.normalize(blend(captions_ND), dim=1)
        with self._precision():
            pictures_ND, logits_NK = self.forward(pixels_NCHW)
            with torch.no_grad():
                original_NK = self.original(pixels_NCHW)[1]
        pictures_ND, captions_ND = gathered(pictures_ND), gathered(captions_ND)
        first_N, second_N, share_N = (gathered(of_N) for of_N in (rows, rows[blend.other], blend.share))
        among_N = self.contrast.among(pictures_ND, self.train.captions, first_N, second_N, share_N)
        contrast = (self.contrast.pictures_of(captions_ND, pictures_ND) + among_N.mean()) / 2
        cost: Tensor = contrast + config.retention * divergence(logits_NK, original_NK)
        return cost

    def _precision(self) -> AbstractContextManager[object]:
        """bfloat16 on a GPU, float32 on a CPU, where a run must repeat bit by bit."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")

    def _distributed(self, module: nn.Module) -> nn.Module:
        if self.world == 1:
            return module
        devices = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(module, device_ids=devices)

    def _groups(self) -> list[dict[str, Any]]:
        """Parameters by whether they decay: norms, biases and scales do not."""
        weights = [weight for weight in self.encoder.parameters() if weight.requires_grad]
        weights.append(self.contrast.log_scale)
        return [
            {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": self.config.weight_decay},
            {"params": [weight for weight in weights if weight.ndim <= 1], "weight_decay": 0.0},
        ]

    def _set_rate(self, epoch: float) -> None:
        """Linear warm-up, then half a cosine down to 0."""
        warm = min(1.0, (epoch + 1 / self.steps) / _WARM_UP)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate * warm * (1 + math.cos(math.pi * epoch / self.config.epochs)) / 2

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
