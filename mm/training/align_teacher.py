"""A teacher: learns by contrast which caption belongs to which picture.

Names of tensors end in their axes: N pictures, C channels, H height, W width, D dimensions of the space, K classes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from mm.models.efficientnet_lite_torch import ImageEncoder
from mm.training.align_config import AlignConfig, Teacher
from mm.training.align_data import CaptionedTensors
from mm.training.align_losses import Contrast, divergence, gathered
from mm.training.align_run import Projected, Run
from mm.training.align_start import fit_head, imagenet_encoder
from mm.training.augment import Blend, disturb, draw_blend, draw_captions, draw_views
from mm.training.averages import MovingAverage


class TeacherRun(Run):
    """In-batch contrast with drawn captions, while the ImageNet classifier's answers are held near the original's."""

    def __init__(
        self,
        config: AlignConfig,
        teacher: Teacher,
        train: CaptionedTensors,
        class_vectors_KD: Tensor,
        original: ImageEncoder,
        device: torch.device,
    ) -> None:
        """`original` gives the class logits to hold on to; it is not trained. Raises `InvalidInput` as `Run`."""
        encoder = imagenet_encoder(class_vectors_KD, config.dropout, teacher.drop_path)
        encoder = encoder.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.teacher, self.original = teacher, Projected(original)
        self.contrast = Contrast(teacher.tolerance).to(device)
        super().__init__(
            f"teacher-{teacher.name}",
            config,
            train,
            encoder,
            device,
            epochs=config.epochs,
            layer_decay=teacher.layer_decay,
            learnt=[self.contrast.log_scale],
        )

    def begin(self) -> None:
        """Fit the head in closed form."""
        fit_head(self.encoder, self.train.pictures, self.train.captions, self.config.size)
        self.average = MovingAverage(self.encoder, self.config.average)

    @property
    def epoch_seed(self) -> int:
        return self.teacher.seed * 100_003 + self.epoch

    def order(self) -> Tensor:
        return torch.randperm(len(self.train.pictures), generator=torch.Generator().manual_seed(self.epoch_seed))

    def loss(self, rows: Tensor, step: int, random: torch.Generator) -> Tensor:
        config = self.config
        with torch.no_grad():
            pixels_NCHW = draw_views(self.train.pictures[rows], config.size, config.views, random)
            captions_ND = draw_captions(self.train.captions[rows], random)
            captions_ND = disturb(captions_ND, self.teacher.text_noise, random)
            blend = draw_blend(len(rows), config.views.mixup, random)
            pixels_NCHW = blend(pixels_NCHW).contiguous(memory_format=torch.channels_last)
            captions_ND = functional.normalize(blend(captions_ND), dim=1)
        with self.precision():
            pictures_ND, logits_NK = self.forward(pixels_NCHW)
            with torch.no_grad():
                original_NK = self.original(pixels_NCHW)[1]
        pictures_all_ND, captions_all_ND = gathered(pictures_ND), gathered(captions_ND)
        if self.teacher.bank:
            among = self._among_all(pictures_ND, rows, blend)
            loss = (self.contrast.pictures_of(captions_all_ND, pictures_all_ND) + among) / 2
        else:
            loss = self.contrast(pictures_all_ND, captions_all_ND)
        cost: Tensor = loss + config.retention * divergence(logits_NK, original_NK)
        return cost

    def _among_all(self, pictures_ND: Tensor, rows: Tensor, blend: Blend) -> Tensor:
        """How far pictures are from taking one of their own captions among all of the training set; blends have both's."""
        bank_SD = self.train.captions.flatten(0, 1)
        count_T = self.train.captions.shape[1]
        own_NT = rows[:, None] * count_T + torch.arange(count_T, device=rows.device)
        first_N, second_N = self.contrast.among(pictures_ND, bank_SD, (own_NT, own_NT[blend.other]))
        return torch.lerp(second_N, first_N, blend.share).mean()

    def state(self) -> dict[str, Any]:
        return {**super().state(), "contrast": self.contrast.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        self.contrast.load_state_dict(state["contrast"])
        super().restore(state)
