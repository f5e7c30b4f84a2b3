"""One run of an alignment: the network, its optimizer, schedule and moving average, by epochs.

Names of tensors end in their axes: N images, C channels, H height, W width, T captions an image, D
dimensions of the space, K classes, S captions of all images.
"""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import LambdaLR

from mm.errors import InvalidInput
from mm.models.image.efficientnet_lite_torch import ImageEncoder
from mm.training.align.augment import add_noise, draw_captions, draw_mixup, draw_views
from mm.training.align.data import CaptionedTensors
from mm.training.align.initialization import build_imagenet_encoder, fit_head
from mm.training.align.losses import ContrastiveLoss, gather_rows, kl_divergence
from mm.training.align.recipe import AlignConfig, Variant
from mm.training.averaging import create_moving_average
from mm.training.checkpoint import RunState
from mm.training.schedule import cosine_decay, linear_warmup

_WARM_UP_EPOCHS, _MAX_GRADIENT_NORM = 2.0, 5.0


class _Projection(nn.Module):
    """The encoder with the class logits beside the vectors, as a module that can be distributed."""

    def __init__(self, encoder: ImageEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixels_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder.project(self.encoder.features(pixels_NCHW))


class AlignRun:
    """Trains with a contrastive loss, and keeps the logits of the ImageNet classifier close to the
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
        """`original` gives the reference class logits; it is not trained.

        Raises `InvalidInput` for a batch that is larger than the data or not divisible by the
        number of processes.
        """
        self.config, self.variant, self.train, self.device = config, variant, train, device
        is_distributed = torch.distributed.is_initialized()
        self.rank = torch.distributed.get_rank() if is_distributed else 0
        self.world = torch.distributed.get_world_size() if is_distributed else 1
        if config.batch % self.world or config.batch > len(train.images):
            raise InvalidInput(
                f"A batch of {config.batch} cannot be drawn from {len(train.images)} images by {self.world} processes."
            )
        encoder = build_imagenet_encoder(class_vectors_KD, variant.dropout, variant.drop_path)
        self.encoder = encoder.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.original = _Projection(original)
        self.contrast = ContrastiveLoss().to(device)
        self.average = create_moving_average(self.encoder, config.average)
        self.forward = self._distribute(_Projection(self.encoder))
        self.optimizer = torch.optim.AdamW(self._group_parameters(), lr=config.rate, betas=(0.9, 0.98))
        self.schedule = LambdaLR(self.optimizer, self._rate_factor)
        self.num_done = 0

    @property
    def num_steps(self) -> int:
        """Steps an epoch; images that do not fill a batch are left out of the epoch."""
        return len(self.train.images) // self.config.batch

    def advance(self) -> Tensor:
        """Run one epoch; return the mean loss. The first one starts by fitting the head.

        All randomness comes from seeds of the epoch and the process, so that a resumed run gives
        the same result.
        """
        if self.num_done == 0:
            fit_head(self.encoder, self.train.images, self.train.captions, self.config.size)
            self.average = create_moving_average(self.encoder, self.config.average)
        seed = self.variant.seed * 100_003 + self.num_done
        order = torch.randperm(len(self.train.images), generator=torch.Generator().manual_seed(seed))
        random = torch.Generator(self.device).manual_seed(seed * 1_009 + self.rank)
        torch.manual_seed(seed * 1_009 + self.rank)
        self.forward.train()
        total, batch = torch.zeros((), device=self.device), self.config.batch
        for step in range(self.num_steps):
            rows = order[step * batch : (step + 1) * batch][self.rank :: self.world]
            total += self._step(rows.to(self.device), random)
        self.num_done += 1
        return total / self.num_steps

    def state(self) -> RunState:
        """All that the next epoch depends on."""
        return {
            "epoch": self.num_done,
            "encoder": self.encoder.state_dict(),
            "contrast": self.contrast.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "average": self.average.module.state_dict(),
            "num_averaged": int(self.average.n_averaged),
        }

    def restore(self, state: RunState) -> None:
        """Continue from a value of `state`."""
        self.encoder.load_state_dict(state["encoder"])
        self.contrast.load_state_dict(state["contrast"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))  # the optimizer would share the tensors
        self.schedule.load_state_dict(state["schedule"])
        self.average.module.load_state_dict(state["average"])
        self.average.n_averaged.fill_(state["num_averaged"])
        self.num_done = state["epoch"]

    def _step(self, rows: Tensor, random: torch.Generator) -> Tensor:
        loss = self._loss(rows, random)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        nn.utils.clip_grad_norm_(weights, _MAX_GRADIENT_NORM)
        self.optimizer.step()
        self.schedule.step()
        self.average.update_parameters(self.encoder)
        return loss.detach()

    def _loss(self, rows: Tensor, random: torch.Generator) -> Tensor:
        """The loss of a step; `rows` are this process's share of the batch."""
        config, views = self.config, self.variant.views
        with torch.no_grad():
            pixels_NCHW = draw_views(self.train.images[rows], config.size, views, random)
            captions_ND = add_noise(draw_captions(self.train.captions[rows], random), self.variant.text_noise, random)
            mixup = draw_mixup(len(rows), views.mixup, random)
            pixels_NCHW = mixup(pixels_NCHW).contiguous(memory_format=torch.channels_last)
            captions_ND = functional.normalize(mixup(captions_ND), dim=1)
        with self._autocast():
            images_ND, logits_NK = self.forward(pixels_NCHW)
            with torch.no_grad():
                original_NK = self.original(pixels_NCHW)[1]
        images_ND, captions_ND = gather_rows(images_ND), gather_rows(captions_ND)
        first_N, second_N, share_N = (gather_rows(values_N) for values_N in (rows, rows[mixup.other], mixup.share))
        to_captions_N = self.contrast.image_to_captions(images_ND, self.train.captions, first_N, second_N, share_N)
        contrast = (self.contrast.caption_to_image(captions_ND, images_ND) + to_captions_N.mean()) / 2
        loss: Tensor = contrast + config.retention * kl_divergence(logits_NK, original_NK)
        return loss

    def _autocast(self) -> AbstractContextManager[object]:
        """bfloat16 on a GPU; float32 on a CPU, where a run must be reproducible bit by bit."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")

    def _distribute(self, module: nn.Module) -> nn.Module:
        if self.world == 1:
            return module
        devices = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(module, device_ids=devices)

    def _group_parameters(self) -> list[dict[str, object]]:
        """Group parameters by weight decay: norms, biases and scales have none."""
        weights = [weight for weight in self.encoder.parameters() if weight.requires_grad]
        weights.append(self.contrast.log_scale)
        return [
            {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": self.config.weight_decay},
            {"params": [weight for weight in weights if weight.ndim <= 1], "weight_decay": 0.0},
        ]

    def _rate_factor(self, step: int) -> float:
        warmup = linear_warmup(step + 1, _WARM_UP_EPOCHS * self.num_steps)
        return warmup * cosine_decay(step, self.config.epochs * self.num_steps)
