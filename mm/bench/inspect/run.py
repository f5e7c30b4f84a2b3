"""Times an inspector and anomalib's PatchCore on the same parts, in alternating rounds."""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from mm.bench.inspect.rendered_parts import render_part
from mm.bench.inspect.steps import StepRow, measure_steps
from mm.errors import InvalidInput
from mm.inspection.features.backbone import LiteBackbone
from mm.inspection.features.framing import Framing
from mm.inspection.fit import fit_inspector
from mm.inspection.inspector import FittedInspector
from mm.inspection.settings import FitSettings
from mm.inspection.types import GoodImage
from mm.media.types import RGB
from mm.metrics.auc import auc
from mm.numerics import Float32
from mm.runtimes.tune import measure_seconds

OURS, TORCH, OPENVINO = "this project", "anomalib in torch", "anomalib in OpenVINO"
NUM_CHECKED = 12
"""Good and as many defective parts over which the area under the ROC curve is measured."""

Inspect = Callable[[RGB], tuple[float, Float32]]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class InspectRow:
    """One method."""

    name: str
    fit_seconds: float
    milliseconds: float
    """Median of an image."""
    lowest_milliseconds: float
    highest_milliseconds: float
    cpu_milliseconds: float
    """Median of the processor time of an image, over all threads: other work affects it less."""
    ratio: float | None
    """Time of the method divided by that of this project."""
    cpu_ratio: float | None
    """The same of the processor time."""
    auroc: float
    """Of images, over the same good and defective parts."""


@dataclass(frozen=True, slots=True)
class InspectReport:
    """One run; the names of the fields are the keys of `--json`."""

    side: int
    num_good: int
    bank_size: int
    threads: int
    rows: list[InspectRow]
    left_out: dict[str, str]
    """Methods that this installation does not have, and why."""
    steps: list[StepRow]
    """Of one inspection by this project, from the file of the image to that of the heat map."""

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        body = [
            f"| {row.name} | {row.fit_seconds:.1f} | {row.milliseconds:.0f} | {row.lowest_milliseconds:.0f} to "
            f"{row.highest_milliseconds:.0f} | {_format_ratio(row.ratio)} | {row.cpu_milliseconds:.0f} | "
            f"{_format_ratio(row.cpu_ratio)} | {row.auroc:.3f} |"
            for row in self.rows
        ]
        return [
            f"Parts of {self.side} x {self.side} pixels, {self.num_good} good ones fitted, {self.bank_size} patches in the bank, "
            f"{self.threads} threads:",
            "",
            "| method | fit s | ms an image | lowest to highest | times ours | CPU ms | times ours | image AUROC |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            *body,
            *(f"not available: {name}: {why}" for name, why in self.left_out.items()),
            "",
            "| step of this project | ms | share of an inspection |",
            "| --- | --- | --- |",
            *(f"| {step.name} | {step.milliseconds:.1f} | {f'{step.share:.0%}' if step.share else ''} |" for step in self.steps),
        ]


def run(
    side: int, num_good: int, bank_size: int, threads: int, rounds: int = 5, on_progress: Progress = lambda line: None
) -> InspectReport:
    """Fit each method on the same rendered parts, then time single images in turn.

    The copies of other brightness that this project usually adds are off, because anomalib adds
    none. Raises `InvalidInput` for sizes that are too small.
    """
    if side < 64 or num_good < 2 or rounds < 1:
        raise InvalidInput("The bench needs parts of at least 64 pixels, two good ones, and one round.")
    good = [render_part(side, seed) for seed in range(num_good)]
    checked = [(render_part(side, 1000 + number, number % 2 == 1), number % 2 == 1) for number in range(2 * NUM_CHECKED)]
    methods: dict[str, Inspect] = {}
    fit_seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as cache:
        started = time.perf_counter()
        inspector = _fit_ours(good, side, bank_size, threads, Path(cache))
        methods[OURS] = partial(_inspect, inspector)
        fit_seconds[OURS] = time.perf_counter() - started
        on_progress(f"{OURS}: fitted in {fit_seconds[OURS]:.1f} s")
        left_out = _fit_patchcore(good, side, bank_size, threads, methods, fit_seconds, on_progress)
        runs = {name: partial(inspect, checked[1][0]) for name, inspect in methods.items()}
        seconds, cpu_seconds = (measure_seconds(runs, rounds, clock) for clock in (time.perf_counter, time.process_time))
        own, own_cpu = median(seconds[OURS]), median(cpu_seconds[OURS])
        is_defective = np.array([has_scratch for _, has_scratch in checked])
        rows = []
        for name, inspect in methods.items():
            area = auc(np.array([inspect(image)[0] for image, _ in checked]), is_defective)
            on_progress(f"{name}: {median(seconds[name]) * 1e3:.0f} ms an image")
            middle, cpu = median(seconds[name]), median(cpu_seconds[name])
            row = InspectRow(
                name,
                fit_seconds[name],
                milliseconds=1e3 * middle,
                lowest_milliseconds=1e3 * min(seconds[name]),
                highest_milliseconds=1e3 * max(seconds[name]),
                ratio=None if name == OURS else middle / own,
                cpu_milliseconds=1e3 * cpu,
                cpu_ratio=None if name == OURS else cpu / own_cpu,
                auroc=area,
            )
            rows.append(row)
        steps = measure_steps(inspector, checked[1][0], rounds)
    return InspectReport(side, num_good, bank_size, threads, rows, left_out, steps)


def _format_ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def _fit_ours(good: Sequence[RGB], side: int, bank_size: int, threads: int, cache: Path) -> FittedInspector:
    settings = FitSettings(framing=Framing(longest=side), bank_size=bank_size, brightness=())
    backbone = LiteBackbone(settings.backbone, cache, threads=threads)
    images = [GoodImage(image, str(number)) for number, image in enumerate(good)]
    return fit_inspector(images, "bench", backbone, settings)


def _inspect(inspector: FittedInspector, image: RGB) -> tuple[float, Float32]:
    result = inspector.inspect(image)
    return result.score, result.heat_HW


def _fit_patchcore(
    good: Sequence[RGB], side: int, bank_size: int, threads: int, methods: dict[str, Inspect], fit_seconds: dict[str, float],
    on_progress: Progress,
) -> dict[str, str]:  # fmt: skip
    """Add both forms of PatchCore; return why they are left out where anomalib is absent."""
    for package in ("torch", "anomalib"):
        if importlib.util.find_spec(package) is None:
            return dict.fromkeys((TORCH, OPENVINO), f"{package} is not installed (requirements-train.lock)")
    from mm.bench.inspect.patchcore import fit_patchcore, import_patchcore, run_in_openvino, run_in_torch

    import_patchcore()  # takes seconds, which are not those of the fit
    started = time.perf_counter()
    model = fit_patchcore(good, bank_size, threads)
    fit_seconds[TORCH] = fit_seconds[OPENVINO] = time.perf_counter() - started
    on_progress(f"{TORCH}: fitted in {fit_seconds[TORCH]:.1f} s")
    methods[TORCH] = run_in_torch(model)
    methods[OPENVINO] = run_in_openvino(model, side, threads)
    return {}
