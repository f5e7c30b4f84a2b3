"""The runs of an alignment, one for each variant, on shared data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mm.data.captioned_images import read_captioned_images
from mm.data.sentences import embed_sentences, imagenet_class_sentences
from mm.models.image.torch_graph import fuse_batch_norms
from mm.training.align.data import CaptionedTensors, caption_by_classes, find_images, load_split, load_unlabeled
from mm.training.align.folds import Folds
from mm.training.align.initialization import build_imagenet_encoder
from mm.training.align.recipe import AlignConfig, fingerprint
from mm.training.align.run import AlignRun
from mm.training.align.teacher import Teacher, caption_images
from mm.training.loop import TrainingLoop

OnProgress = Callable[[int, int, str], None]
"""Called after each epoch with the epochs done, the epochs of all runs, and a line of text."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A fold that no run sees."""

    folds: Folds
    number: int

    @property
    def prefix(self) -> str:
        """Begins the names of the runs' states."""
        return f"fold-{self.number}-"

    def find_kept(self, files: Sequence[Path]) -> Tensor:
        """Indices of the images that are not in the fold."""
        return torch.from_numpy(np.flatnonzero(self.folds.get_folds(files) != self.number))


def train_variants(
    config: AlignConfig,
    device: torch.device,
    on_progress: OnProgress,
    teacher: Teacher | None,
    left_out: LeftOut | None = None,
) -> Iterator[dict[str, Tensor]]:
    """Train the variants in order; yield the moving average of each.

    Raises `InvalidInput` for unreadable data, and when the output folder has the state of another
    recipe.
    """
    cache, num_epochs = config.out / "vectors", config.epochs * len(config.variants)
    class_vectors_KD = torch.from_numpy(embed_sentences(imagenet_class_sentences(), cache / "classes.npz"))
    encoder = build_imagenet_encoder(class_vectors_KD).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    original = fuse_batch_norms(encoder)
    if teacher is not None:
        labeled = extended = _caption_all(config, teacher, device)
    else:
        labeled = load_split(config.data, "train", config.stored_size, cache, device)
        if left_out is not None:
            kept = left_out.find_kept([row.path for row in read_captioned_images(config.data, "train")])
            labeled = labeled.take(kept.to(device))
        extended = labeled
        if config.unlabeled is not None:
            images_NHWC = load_unlabeled(config.unlabeled, config.stored_size, device)
            extended = labeled.concatenate(caption_by_classes(images_NHWC, original, class_vectors_KD, config.size))
    for index, variant in enumerate(config.variants):

        def on_epoch(epoch: int, line: str, previous: int = index * config.epochs) -> None:
            on_progress(previous + epoch, num_epochs, line)

        run = AlignRun(config, variant, extended if variant.unlabeled else labeled, class_vectors_KD, original, device)
        yield _train(run, "" if left_out is None else left_out.prefix, on_epoch)


def _caption_all(config: AlignConfig, teacher: Teacher, device: torch.device) -> CaptionedTensors:
    """Let the teacher choose captions of train for all images, those without captions included."""
    rows = read_captioned_images(config.data, "train")
    files = [row.path for row in rows]
    if config.unlabeled is not None:
        files += find_images(config.unlabeled)
    sentences = list(dict.fromkeys(caption for row in rows for caption in row.captions))
    cache = config.out / "vectors"
    return caption_images(teacher, files, sentences, config.captions_per_image, config.stored_size, cache, device)


def _train(run: AlignRun, prefix: str, on_epoch: Callable[[int, str], None]) -> dict[str, Tensor]:
    """Train to the end, from the state saved under the variant's name, and return the average."""
    config, name = run.config, f"{prefix}run-{run.variant.name}"
    recipe = fingerprint(replace(config, variants=(run.variant,)))
    loop = TrainingLoop(config.out / f"{name}.pt", recipe, config.epochs, config.save_every, writes=run.rank == 0)
    for epoch, loss in loop.train(run):
        on_epoch(epoch, f"{name}, epoch {epoch} of {config.epochs}: loss {float(loss):.3f}")
    average: dict[str, Tensor] = run.average.module.state_dict()
    return average
