"""How fast is the image tower in each runtime, beside eager torch? Pictures a second by batch, in
turns, in one process."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from mm.errors import MMError
from mm.files import hash_file
from mm.media.types import RGB
from mm.models.image.efficientnet_lite import INPUT, OUTPUT
from mm.models.image.precisions import Precisions, read_precisions
from mm.models.image.preprocess import resize_batch
from mm.models.image.sample_photos import load_sample_batch
from mm.models.image.tower import ImageTower
from mm.runtimes import find_runtime, list_runtimes
from mm.runtimes.registry import DEFAULT_RUNTIME, require_runtime
from mm.runtimes.tune import Vectors, compare_vectors, measure_seconds

EAGER, CHANNELS_LAST = "eager torch", "eager torch, channels last"
DECODED = 640, 360
"""Width and height of the frames whose squeezing to the tower's size is timed."""

Run = Callable[[RGB], Vectors]


@dataclass(frozen=True, slots=True)
class TowerRow:
    """One way, at one batch size."""

    name: str
    batch: int
    per_second: float
    milliseconds: float
    """Of one picture."""
    ratio: float | None
    """Times as fast as eager torch at this batch; None where torch is not installed."""
    cosine: float
    lost: float | None
    """Points of R@1 on dev, the larger of both ways, as recorded beside the weights."""


@dataclass(frozen=True, slots=True)
class TowerReport:
    """One run."""

    rows: list[TowerRow]
    left_out: dict[str, str]
    """Ways that this machine does not have, and why."""
    squeeze_milliseconds: float
    """To squeeze one frame to the tower's size, on one core: not part of the rows."""

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        head = "| image tower | batch | pictures/s | ms a picture | times eager | cosine | R@1 lost |"
        body = [
            f"| {r.name} | {r.batch} | {r.per_second:.1f} | {r.milliseconds:.1f} "
            f"| {'' if r.ratio is None else f'{r.ratio:.1f}'} | {r.cosine:.4f} | {'' if r.lost is None else f'{r.lost:.2f}'} |"
            for r in self.rows
        ]
        missing = [f"not here: {name}: {why}" for name, why in self.left_out.items()]
        width, height = DECODED
        squeeze = f"Not counted: {self.squeeze_milliseconds:.1f} ms on one core to squeeze a frame of {width} x {height}."
        return [head, "| --- | --- | --- | --- | --- | --- | --- |", *body, *missing, squeeze]


def run(weights: Path, cache: Path, names: Sequence[str], batches: Sequence[int], threads: int, rounds: int = 5) -> TowerReport:
    """Time the runtimes of these names (all when none is given), and eager torch where it is
    installed.

    Raises `InvalidInput` for an unknown name, `Corrupt` for weights that are none.
    """
    for name in names:
        find_runtime(name)
    plain = ImageTower(weights, cache, DEFAULT_RUNTIME.name, threads)
    pictures = load_sample_batch(plain.size)
    reference = plain.embed(list(pictures))
    ways, left_out = _ways(weights, cache, names or list_runtimes(), threads)
    cosines: dict[str, float] = {}
    for name, way in ways.items():
        vectors = np.concatenate([way(pictures[:8]), way(pictures[8:])])
        cosines[name] = compare_vectors(name, vectors, reference).cosine or 0.0
    recorded = read_precisions(weights, hash_file(weights, digits=16))
    rows: list[TowerRow] = []
    for batch in batches:
        given = np.resize(pictures, (batch, *pictures.shape[1:]))
        taken = measure_seconds({name: partial(way, given) for name, way in ways.items()}, rounds)
        seconds = {name: median(each) for name, each in taken.items()}
        for name, second in seconds.items():
            ratio = seconds[EAGER] / second if EAGER in seconds else None
            lost = _lost(recorded, name)
            rows.append(TowerRow(name, batch, batch / second, second / batch * 1e3, ratio, cosines[name], lost))
    return TowerReport(rows, left_out, _squeeze(plain.size))


def _ways(weights: Path, cache: Path, names: Sequence[str], threads: int) -> tuple[Mapping[str, Run], dict[str, str]]:
    """Everything that can be run here, by name; and why the rest cannot."""
    ways: dict[str, Run] = {}
    left_out: dict[str, str] = {}
    if importlib.util.find_spec("torch") is None:
        left_out[EAGER] = "torch is not installed"
    else:
        ways |= _eager(weights, threads)
    for name in names:
        try:
            require_runtime(name)
            tower = ImageTower(weights, cache, name, threads)
        except MMError as error:
            left_out[name] = str(error)
            continue
        ways[name] = partial(_vectors, tower)
    return ways, left_out


def _vectors(tower: ImageTower, pictures: RGB) -> Vectors:
    return tower.graph.run({INPUT: pictures})[OUTPUT].astype(np.float32)


def _eager(weights: Path, threads: int) -> dict[str, Run]:
    """The module as it is trained, float32 on the CPU, in both layouts of memory."""
    import torch

    from mm.models.image.efficientnet_lite_torch import load_encoder
    from mm.runtimes.registry import count_usable_cores

    torch.set_num_threads(threads or count_usable_cores())
    plain = load_encoder(weights)
    last = load_encoder(weights).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def run(encoder: torch.nn.Module, layout: torch.memory_format, pictures: RGB) -> Vectors:
        with torch.inference_mode():
            pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous(memory_format=layout).float()
            vectors: Vectors = encoder(pixels).numpy()
        return vectors

    return {
        EAGER: partial(run, plain, torch.contiguous_format),
        CHANNELS_LAST: partial(run, last, torch.channels_last),
    }


def _lost(recorded: Precisions, name: str) -> float | None:
    if name in (EAGER, CHANNELS_LAST):
        return 0.0
    precision = find_runtime(name).precision
    if precision == "float32":
        return 0.0
    return recorded.losses[precision].recall_loss if precision in recorded.losses else None


def _squeeze(size: int, rounds: int = 20) -> float:
    """Milliseconds of one frame, by the processor's time."""
    width, height = DECODED
    frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    begin = time.process_time()
    resize_batch([frame] * rounds, size)
    return (time.process_time() - begin) / rounds * 1e3
