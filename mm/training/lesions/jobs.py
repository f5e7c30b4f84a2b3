"""Runs the plans of one or several recipes, several at once in processes of their own."""

from __future__ import annotations

import multiprocessing
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save

from mm.files import write_atomic
from mm.training.lesions.folds import split_fold
from mm.training.lesions.pack import LesionPack, read_pack
from mm.training.lesions.predictions import predict
from mm.training.lesions.recipe import RunPlan, fingerprint
from mm.training.lesions.run import NUM_UNITS, LesionRun, TorchLogits
from mm.training.loop import TrainingLoop

OnProgress = Callable[[str], None]
"""Called with a line of text."""


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The files of a run."""

    folder: Path

    @classmethod
    def of(cls, plan: RunPlan) -> RunFiles:
        return cls(plan.recipe.out / plan.name)

    @property
    def state(self) -> Path:
        return self.folder / "state.pt"

    @property
    def weights(self) -> Path:
        """The moving average, safetensors."""
        return self.folder / "weights.safetensors"

    @property
    def predictions(self) -> Path:
        """Predictions for dev, or for the fold that was left out."""
        return self.folder / "predictions.npz"

    @property
    def log(self) -> Path:
        return self.folder / "log"


def run_plans(plans: Sequence[RunPlan], devices: Sequence[str], num_parallel: int, on_progress: OnProgress) -> None:
    """Run the plans that have no results yet, `num_parallel` at a time.

    Devices are dealt out in turn. With one at a time this process runs them. A run that fails does
    not stop the others; afterwards its error is raised.
    """
    open_plans = [plan for plan in plans if not RunFiles.of(plan).predictions.exists()]
    if num_parallel == 1:
        for plan in open_plans:
            run_plan(plan, devices[0])
            on_progress(f"{plan.recipe.out.name}/{plan.name} ended")
        return
    errors: list[BaseException] = []
    with ProcessPoolExecutor(num_parallel, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        futures: dict[Future[None], RunPlan] = {
            pool.submit(run_plan, plan, devices[number % len(devices)]): plan for number, plan in enumerate(open_plans)
        }
        for future in as_completed(futures):
            plan, error = futures[future], future.exception()
            on_progress(f"{plan.recipe.out.name}/{plan.name} {'ended' if error is None else f'failed: {error!r}'}")
            errors += [error] if error else []
    if errors:
        raise errors[0]


def run_plan(plan: RunPlan, device: str) -> None:
    """Run a plan to its end; write weights, predictions and a log into its folder."""
    files = RunFiles.of(plan)
    files.folder.mkdir(parents=True, exist_ok=True)
    with files.log.open("a", encoding="utf-8", buffering=1) as log:
        try:
            _run(plan, torch.device(device), lambda line: print(time.strftime("%T"), line, file=log))
        except BaseException:
            traceback.print_exc(file=log)
            raise


def _run(plan: RunPlan, device: torch.device, on_progress: OnProgress) -> None:
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True
        torch.set_num_threads(1)
    recipe, files = plan.recipe, RunFiles.of(plan)
    pack = read_pack(recipe.pack)
    train, left_out = split_fold(pack.select(recipe.data_sets, "train"), recipe.folds, plan.fold)
    on_progress(f"{plan.name} on {device}: {len(train.rows)} images")
    run = LesionRun(plan, train, device)
    loop = TrainingLoop(files.state, fingerprint(plan), NUM_UNITS, recipe.save_every)
    for done, loss in loop.train(run):
        if done % 5 == 0:
            on_progress(f"{done} % after {run.num_steps} steps: loss {float(loss):.4f}")
    network = run.averaged_network()
    tensors = {name: value.contiguous().cpu() for name, value in network.state_dict().items() if value.is_floating_point()}
    write_atomic(files.weights, save(tensors, {"steps": str(run.num_steps)}))
    predict(TorchLogits(network, device), _held_out(plan, pack, left_out), recipe.size).write(files.predictions)
    on_progress("predictions written")


def _held_out(plan: RunPlan, pack: LesionPack, left_out: LesionPack) -> LesionPack:
    """The images that a run is measured on."""
    return pack.select(sorted({row.data_set for row in pack.rows}), "dev") if plan.fold is None else left_out
