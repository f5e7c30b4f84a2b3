"""Align pictures with sentences: train the image tower on captioned pictures, the text tower locked.

Teachers learn from the captions, each in its own way; students learn from all teachers together; the mean of the students'
weights is the result. Works on a CPU, a GPU, or several by torchrun; resumes at the epoch that was last saved, with the same
result as without the stop. Writes `image.safetensors` and `CARD.md` into the output folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.distributed

from mm.training.align_card import align_card
from mm.training.align_config import AlignConfig
from mm.training.align_evaluate import evaluate
from mm.training.align_stages import Stages
from mm.training.averages import mean_weights
from mm.training.captioned import read_captioned
from mm.training.checkpoint import write_encoder
from mm.training.files import replacing

OnProgress = Callable[[int, int, str], None]
"""Told after each epoch: epochs done, epochs in all, a line for a person."""


def align(config: AlignConfig, on_progress: OnProgress) -> Path:
    """Train by the recipe; returns the path of the weights.

    Raises `InvalidInput` for data that cannot be read, and when the output folder holds the state of another recipe.
    """
    kept = config.out / "vectors"
    read_captioned(config.data, "dev")  # a missing split is told before the training, not after it
    total = len(config.teachers) * config.epochs + len(config.seeds) * config.student_epochs
    done = 0

    def on_epoch(_epoch: int, line: str) -> None:
        nonlocal done
        done += 1
        on_progress(done, total, line)

    with _device() as device:
        stages = Stages(config, device, on_epoch)
        taught = [stages.teach(teacher) for teacher in config.teachers]
        ensemble = stages.ensemble(taught)
        start = mean_weights([state["average"] for state in taught])
        students = [stages.student(seed, ensemble, start)["average"] for seed in config.seeds]
        soup = mean_weights(students)
        soup["class_gain"] = torch.tensor(config.class_gain)
        weights = config.out / "image.safetensors"
        if stages.rank == 0:
            write_encoder(weights, soup, config.served)
            with replacing(config.out / "CARD.md") as file:
                file.write(align_card(config, evaluate(weights, config.data, kept)).encode())
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
