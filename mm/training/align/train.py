"""Train the image tower on captioned images towards the frozen text tower.

Several runs that differ are trained on the captions, or on captions chosen by a teacher, and their
weights are averaged. Runs on a CPU, a GPU, or several GPUs by torchrun; resumes at the last saved
epoch with the same result. Writes `image.safetensors` and `CARD.md` into the output folder. With
folds, also one tower for each fold, which did not see it, and `folds.json`; `image.safetensors` is
then the mean of all their runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
import torch.distributed
from torch import Tensor

from mm.data.captioned_images import read_captioned_images
from mm.errors import InvalidInput
from mm.evaluation.captions import measure_recall
from mm.files import write_atomic
from mm.training.align.card import format_card
from mm.training.align.folds import FOLDS, assign_folds, name_tower, read_folds, write_folds
from mm.training.align.recipe import AlignConfig
from mm.training.align.runs import LeftOut, OnProgress, train_variants
from mm.training.align.teacher import Teacher, measure_teacher_recall
from mm.training.averaging import average_weights
from mm.training.checkpoint import write_encoder

WEIGHTS = "image.safetensors"


def align(config: AlignConfig, on_progress: OnProgress) -> Path:
    """Train by the recipe; return the path of the weights.

    Raises `InvalidInput` for unreadable data, and when the output folder has the state of another
    recipe or other folds.
    """
    return _cross_fit(config, on_progress) if config.num_folds else _train(config, on_progress, None)


def distill(config: AlignConfig, teacher: Teacher, on_progress: OnProgress) -> Path:
    """Train as `align` does, on captions of train that the teacher chooses for each image.

    Raises as `align`, and the errors of the teacher.
    """
    return _train(replace(config, teacher=str(teacher.id)), on_progress, teacher)


def train_part(config: AlignConfig, on_progress: OnProgress, fold: int | None, name: str | None) -> None:
    """Train the towers without one fold alone, or the runs of one name, as far as their last epoch.

    `align` in the same folder continues from there, so that parts can be trained at once. Raises as
    `align`, and `InvalidInput` for a fold or a name that the recipe does not have.
    """
    names = [variant.name for variant in config.variants]
    if name is not None and name not in names:
        raise InvalidInput(f"The runs are {', '.join(names)}, not {name}.")
    if fold is not None and not 0 <= fold < config.num_folds:
        raise InvalidInput(f"There is no fold {fold}: the recipe has {config.num_folds}, counted from 0.")
    chosen = tuple(variant for variant in config.variants if name in (None, variant.name))
    with _join_processes() as device:
        for left_out in _list_folds(config):
            if left_out is None or fold in (None, left_out.number):
                for _ in train_variants(replace(config, variants=chosen), device, on_progress, None, left_out):
                    pass


def _train(config: AlignConfig, on_progress: OnProgress, teacher: Teacher | None) -> Path:
    read_captioned_images(config.data, "dev")  # a missing split fails before the training, not after it
    with _join_processes() as device:
        mean = average_weights(list(train_variants(config, device, on_progress, teacher)))
        weights = config.out / WEIGHTS
        if _is_first_process():
            _write(config, weights, mean)
            cache = config.out / "vectors"
            teacher_recall = None if teacher is None else measure_teacher_recall(teacher, config.data, cache)
            card = format_card(config, measure_recall(weights, config.data, cache), teacher_recall)
            write_atomic(config.out / "CARD.md", card.encode())
    return weights


def _cross_fit(config: AlignConfig, on_progress: OnProgress) -> Path:
    read_captioned_images(config.data, "dev")
    num_epochs = config.epochs * len(config.variants)
    with _join_processes() as device:
        states: list[dict[str, Tensor]] = []
        for index, left_out in enumerate(_list_folds(config)):

            def on_epoch(done: int, total: int, line: str, previous: int = index * num_epochs) -> None:
                on_progress(previous + done, config.num_folds * total, line)

            of_fold = list(train_variants(config, device, on_epoch, None, left_out))
            if _is_first_process():
                _write(config, config.out / name_tower(index), average_weights(of_fold))
            states += of_fold
        weights = config.out / WEIGHTS
        if _is_first_process():
            _write(config, weights, average_weights(states))
            names = [*(name_tower(fold) for fold in range(config.num_folds)), WEIGHTS]
            recalls = {name: measure_recall(config.out / name, config.data, config.out / "vectors") for name in names}
            write_atomic(config.out / "CARD.md", format_card(config, recalls.pop(WEIGHTS), folds=recalls).encode())
    return weights


def _list_folds(config: AlignConfig) -> list[LeftOut | None]:
    """The folds of the recipe, from the output folder or written there; no fold without them."""
    if not config.num_folds:
        return [None]
    files = [row.path for row in read_captioned_images(config.data, "train")]
    if (config.out / FOLDS).exists():
        folds = read_folds(config.out)
        folds.get_folds(files)
        if folds.num_folds != config.num_folds:
            raise InvalidInput(f"{config.out} has {folds.num_folds} folds; choose another output folder or remove {FOLDS}.")
    else:
        folds = assign_folds(files, config.num_folds)
        config.out.mkdir(parents=True, exist_ok=True)
        write_folds(config.out, folds)
    return [LeftOut(folds, number) for number in range(config.num_folds)]


def _write(config: AlignConfig, path: Path, mean: dict[str, Tensor]) -> None:
    write_encoder(path, {**mean, "class_gain": torch.tensor(config.class_gain)}, config.serving_size)


def _is_first_process() -> bool:
    return not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0


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
