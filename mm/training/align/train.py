"""Train the image tower on captioned images towards the frozen text tower.

Several runs that differ are trained on the captions, or on captions chosen by a teacher, and their
weights are averaged. Runs on a CPU, a GPU, or several GPUs by torchrun; resumes at the last saved
epoch with the same result. Writes `image.safetensors` and `CARD.md` into the output folder.
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
from mm.files import write_atomic
from mm.training.align.card import format_card
from mm.training.align.recipe import AlignConfig
from mm.training.align.runs import OnProgress, train_variants
from mm.training.align.teacher import Teacher, measure_teacher_recall
from mm.training.averaging import average_weights
from mm.training.checkpoint import write_encoder


def align(config: AlignConfig, on_progress: OnProgress) -> Path:
    """Train by the recipe; return the path of the weights.

    Raises `InvalidInput` for unreadable data, and when the output folder has the state of another
    recipe.
    """
    return _train(config, on_progress, None)


def distill(config: AlignConfig, teacher: Teacher, on_progress: OnProgress) -> Path:
    """Train as `align` does, on captions of train that the teacher chooses for each image.

    Raises as `align`, and the errors of the teacher.
    """
    return _train(replace(config, teacher=str(teacher.id)), on_progress, teacher)


def _train(config: AlignConfig, on_progress: OnProgress, teacher: Teacher | None) -> Path:
    read_captioned_images(config.data, "dev")  # a missing split fails before the training, not after it
    with _join_processes() as device:
        mean = average_weights(list(train_variants(config, device, on_progress, teacher)))
        mean["class_gain"] = torch.tensor(config.class_gain)
        weights = config.out / "image.safetensors"
        if not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0:
            write_encoder(weights, mean, config.serving_size)
            cache = config.out / "vectors"
            teacher_recall = None if teacher is None else measure_teacher_recall(teacher, config.data, cache)
            card = format_card(config, measure_recall(weights, config.data, cache), teacher_recall)
            write_atomic(config.out / "CARD.md", card.encode())
    return weights


@contextmanager
def _join_processes() -> Iterator[torch.device]:
    """Yield this process's device; under torchrun, join the process group for the block."""
    torch.backends.cudnn.benchmark = True  # every step has the same shapes
    if "RANK" not in os.environ:
        yield torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return
    rank = int(os.environ["LOCAL_RANK"])
    device = torch.device("cuda", rank) if torch.cuda.is_available() else torch.device("cpu")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        torch.distributed.destroy_process_group()
