"""The runs of an alignment over what they share, each kept on disk and taken up where it
stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from mm.data.captioned_images import read_captioned_images
from mm.data.sentences import embed_sentences, imagenet_class_sentences
from mm.errors import InvalidInput
from mm.models.image.torch_graph import fuse_batch_norms
from mm.training.align.data import CaptionedTensors, find_unlabeled, load_split, load_unlabeled, pseudo_captioned
from mm.training.align.initialization import build_imagenet_encoder
from mm.training.align.recipe import AlignConfig, fingerprint
from mm.training.align.run import Run
from mm.training.align.teacher import Teacher, caption_images
from mm.training.checkpoint import read_state, write_state

OnProgress = Callable[[int, int, str], None]
"""Told after each epoch: epochs done, epochs in all, a line for a person."""


def train_variants(
    config: AlignConfig, device: torch.device, on_progress: OnProgress, teacher: Teacher | None
) -> Iterator[dict[str, Tensor]]:
    """The moving averages of the runs, one a variant, in order.

    Raises `InvalidInput` for data that cannot be read, and when the output folder holds the state
    of another recipe.
    """
    kept, total = config.out / "vectors", config.epochs * len(config.variants)
    class_vectors_KD = torch.from_numpy(embed_sentences(imagenet_class_sentences(), kept / "classes.npz"))
    encoder = build_imagenet_encoder(class_vectors_KD).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    original = fuse_batch_norms(encoder)
    if teacher is not None:
        train = more = _taught(config, teacher, device)
    else:
        train = more = load_split(config.data, "train", config.stored, kept, device)
        if config.unlabeled is not None:
            pictures_NHWC = load_unlabeled(config.unlabeled, config.stored, device)
            more = train.joined(pseudo_captioned(pictures_NHWC, original, class_vectors_KD, config.size))
    for index, variant in enumerate(config.variants):

        def on_epoch(epoch: int, line: str, done: int = index * config.epochs) -> None:
            on_progress(done + epoch, total, line)

        run = Run(config, variant, more if variant.unlabeled else train, class_vectors_KD, original, device)
        yield _finish(run, on_epoch)


def _taught(config: AlignConfig, teacher: Teacher, device: torch.device) -> CaptionedTensors:
    """All pictures, captioned or not, under what the teacher says of them in the words of train."""
    rows = read_captioned_images(config.data, "train")
    files = [row.path for row in rows]
    if config.unlabeled is not None:
        files += find_unlabeled(config.unlabeled)
    sentences = list(dict.fromkeys(caption for row in rows for caption in row.captions))
    return caption_images(teacher, files, sentences, config.told, config.stored, config.out / "vectors", device)


def _finish(run: Run, on_epoch: Callable[[int, str], None]) -> dict[str, Tensor]:
    """Run to the end, from what was kept under the variant's name or else from the beginning;
    returns the moving average."""
    config, name = run.config, f"run-{run.variant.name}"
    path, recipe = config.out / f"{name}.pt", fingerprint(replace(config, variants=(run.variant,)))
    kept = read_state(path, run.device)
    if kept is None:
        run.begin()
    elif kept["recipe"] != recipe:
        raise InvalidInput(f"{path} belongs to another recipe; choose another output folder or remove it.")
    else:
        run.restore(kept)
    while run.epoch < config.epochs:
        loss = run.run_epoch()
        if run.rank == 0 and (run.epoch % config.save_every == 0 or run.epoch == config.epochs):
            write_state(path, {**run.state(), "recipe": recipe})
        on_epoch(run.epoch, f"{name}, epoch {run.epoch} of {config.epochs}: loss {loss:.3f}")
    return run.average.module.state_dict()
