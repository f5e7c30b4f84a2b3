"""A student: learns to answer as the mean of its teachers does, on views that nobody described.

Beyer et al. 2022, "Knowledge distillation: A good teacher is patient and consistent" (arXiv:2106.05237): teachers see the very
view that the student sees, and mixing makes as many views as a long run needs. The views repeat after some epochs, so that
teachers answer for each once. Names of tensors end in their axes: N pictures, C channels, H height, W width, D dimensions of the
space, K classes, S captions of the bank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from mm.models.efficientnet_lite_torch import ImageEncoder
from mm.training.align_config import AlignConfig
from mm.training.align_data import CaptionedTensors
from mm.training.align_losses import divergence, ranking_divergence
from mm.training.align_run import Projected, Run
from mm.training.augment import draw_views, mix
from mm.training.averages import MovingAverage


class Ensemble:
    """Networks that answer together, and the original whose class logits are held on to. None of them is trained."""

    def __init__(self, members: Sequence[ImageEncoder], original: ImageEncoder, scale: float) -> None:
        """`scale` is by what the members multiplied cosines when they learnt."""
        self.members, self.original, self.scale = members, Projected(original), scale
        self.kept: dict[tuple[int, int, int], tuple[Tensor, Tensor]] = {}
        """Answers by epoch of views, step and process."""

    def answer(self, pixels_NCHW: Tensor, view: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
        """Unit vectors (N, D), the mean of the members', and class logits (N, K), both of half precision; kept for `view`."""
        if view not in self.kept:
            vectors_ND = torch.stack([member(pixels_NCHW) for member in self.members]).mean(0)
            logits_NK = self.original(pixels_NCHW)[1]
            self.kept[view] = functional.normalize(vectors_ND, dim=1).half(), logits_NK.half()
        return self.kept[view]


class StudentRun(Run):
    """Near its teachers in cosine, and near in how they rank captions for a picture and pictures for a caption."""

    def __init__(
        self,
        config: AlignConfig,
        seed: int,
        train: CaptionedTensors,
        captions_SD: Tensor,
        ensemble: Ensemble,
        encoder: ImageEncoder,
        start: Mapping[str, Tensor],
        device: torch.device,
    ) -> None:
        """Starts from the weights `start`; `captions_SD` are there to be ranked. Raises `InvalidInput` as `Run`."""
        self.student_seed, self.captions_SD, self.ensemble, self.start = seed, captions_SD, ensemble, start
        super().__init__(f"student-{seed}", config, train, encoder, device, epochs=config.student_epochs)

    def begin(self) -> None:
        """Take the weights to start from."""
        self.encoder.load_state_dict(self.start)
        self.average = MovingAverage(self.encoder, self.config.average)

    @property
    def view(self) -> int:
        """Which of the repeating epochs of views is this epoch's; the student's seed says in what order they come."""
        cycle, place = divmod(self.epoch, self.config.repeats)
        random = torch.Generator().manual_seed(self.student_seed * 100_003 + cycle)
        return int(torch.randperm(self.config.repeats, generator=random)[place])

    @property
    def epoch_seed(self) -> int:
        return self.view  # not the student's: what it sees must be what the teachers answered for

    def order(self) -> Tensor:
        return torch.randperm(len(self.train.pictures), generator=torch.Generator().manual_seed(self.epoch_seed))

    def loss(self, rows: Tensor, step: int, random: torch.Generator) -> Tensor:
        config = self.config
        with torch.no_grad():
            pixels_NCHW = draw_views(self.train.pictures[rows], config.size, config.student_views, random)
            pixels_NCHW, _ = mix(pixels_NCHW, self.train.captions[rows, 0], config.student_views.mixup, random)
            pixels_NCHW = pixels_NCHW.contiguous(memory_format=torch.channels_last)
            with self.precision():
                target_ND, original_NK = self.ensemble.answer(pixels_NCHW, (self.view, step, self.rank))
            drawn = torch.randint(len(self.captions_SD), (config.bank,), generator=random, device=self.device)
            captions_SD = self.captions_SD[drawn]
        with self.precision():
            pictures_ND, logits_NK = self.forward(pixels_NCHW)
        target_ND = target_ND.float()
        away = 1 - (pictures_ND * target_ND).sum(1).mean()
        ranking = ranking_divergence(pictures_ND, target_ND, captions_SD, self.ensemble.scale)
        cost: Tensor = config.nearness * away + ranking + config.retention * divergence(logits_NK, original_NK.float())
        return cost
