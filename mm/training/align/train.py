"""Align pictures with sentences: train the image tower on captioned pictures, the text tower
locked.

Unlike runs learn from the captions, or from what a teacher says of the pictures, and the mean of
their weights is the result. Works on a CPU, a GPU, or several by torchrun; resumes at the epoch
that was last saved, with the same result as without the stop. Writes `image.safetensors` and
`CARD.md` into the output folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
import torch.distributed

from mm.data.captioned_images import read_captioned_images
from mm.evaluation.captions import measure_recall
from mm.files import open_atomic
from mm.training.align.card import align_card
from mm.training.align.recipe import AlignConfig
from mm.training.align.runs import OnProgress, train_variants
from mm.training.align.teacher import Teacher, measure_teacher_recall
from mm.training.averaging import average_weights
from mm.training.checkpoint import write_encoder


def align(config: AlignConfig, on_progress: OnProgress) -> Path:
    """Train by the recipe; returns the path of the weights.

    Raises `InvalidInput` for data that cannot be read, and when the output folder holds the state
    of another recipe.
    """
    return _train(config, on_progress, None)


def distill(config: AlignConfig, teacher: Teacher, on_progress: OnProgress) -> Path:
    """As `align`, but what a picture shows is said by the teacher, in the sentences of train, and
    not by its own captions.

    Raises as `align`, and what the teacher raises.
    """
    return _train(replace(config, teacher=str(teacher.id)), on_progress, teacher)


def _train(config: AlignConfig, on_progress: OnProgress, teacher: Teacher | None) -> Path:
    read_captioned_images(config.data, "dev")  # a missing split is told before the training, not after it
    with _device() as device:
        soup = average_weights(list(train_variants(config, device, on_progress, teacher)))
        soup["class_gain"] = torch.tensor(config.class_gain)
        weights = config.out / "image.safetensors"
        if not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0:
            write_encoder(weights, soup, config.served)
            kept = config.out / "vectors"
            taught_by = None if teacher is None else measure_teacher_recall(teacher, config.data, kept)
            with open_atomic(config.out / "CARD.md") as file:
                file.write(align_card(config, measure_recall(weights, config.data, kept), taught_by).encode())
    return weights


@contextmanager
def _device() -> Iterator[torch.device]:
    """This process's device; joins the other processes when torchrun started several."""
    torch.backends.cudnn.benchmark = True  # every step has the same shapes
    if "RANK" not in os.environ:
        yield torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return
    local = int(os.environ["LOCAL_RANK"])
    device = torch.device("cuda", local) if torch.cuda.is_available() else torch.device("cpu")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        torch.distributed.destroy_process_group()
