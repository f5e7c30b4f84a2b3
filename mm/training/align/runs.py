"""The runs of an alignment, one for each variant, on shared data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from mm.data.captioned_images import read_captioned_images
from mm.data.sentences import embed_sentences, imagenet_class_sentences
from mm.models.image.torch_graph import fuse_batch_norms
from mm.training.align.data import CaptionedTensors, caption_by_classes, find_images, load_split, load_unlabeled
from mm.training.align.initialization import build_imagenet_encoder
from mm.training.align.recipe import AlignConfig, fingerprint
from mm.training.align.run import AlignRun
from mm.training.align.teacher import Teacher, caption_images
from mm.training.loop import TrainingLoop

OnProgress = Callable[[int, int, str], None]
"""Called after each epoch with the epochs done, the epochs of all runs, and a line of text."""


def train_variants(
    config: AlignConfig, device: torch.device, on_progress: OnProgress, teacher: Teacher | None
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
        labeled = extended = load_split(config.data, "train", config.stored_size, cache, device)
        if config.unlabeled is not None:
            images_NHWC = load_unlabeled(config.unlabeled, config.stored_size, device)
            extended = labeled.concatenate(caption_by_classes(images_NHWC, original, class_vectors_KD, config.size))
    for index, variant in enumerate(config.variants):

        def on_epoch(epoch: int, line: str, previous: int = index * config.epochs) -> None:
            on_progress(previous + epoch, num_epochs, line)

        run = AlignRun(config, variant, extended if variant.unlabeled else labeled, class_vectors_KD, original, device)
        yield _train(run, on_epoch)


def _caption_all(config: AlignConfig, teacher: Teacher, device: torch.device) -> CaptionedTensors:
    """Let the teacher choose captions of train for all images, those without captions included."""
    rows = read_captioned_images(config.data, "train")
    files = [row.path for row in rows]
    if config.unlabeled is not None:
        files += find_images(config.unlabeled)
    sentences = list(dict.fromkeys(caption for row in rows for caption in row.captions))
    cache = config.out / "vectors"
    return caption_images(teacher, files, sentences, config.captions_per_image, config.stored_size, cache, device)


def _train(run: AlignRun, on_epoch: Callable[[int, str], None]) -> dict[str, Tensor]:
    """Train to the end, from the state saved under the variant's name, and return the average."""
    config, name = run.config, f"run-{run.variant.name}"
    recipe = fingerprint(replace(config, variants=(run.variant,)))
    loop = TrainingLoop(config.out / f"{name}.pt", recipe, config.epochs, config.save_every, writes=run.rank == 0)
    for epoch, loss in loop.train(run):
        on_epoch(epoch, f"{name}, epoch {epoch} of {config.epochs}: loss {float(loss):.3f}")
    average: dict[str, Tensor] = run.average.module.state_dict()
    return average
