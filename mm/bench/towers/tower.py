"""Throughput of the image tower in each runtime beside eager torch, by batch size."""

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
"""Width and height of the frames whose resizing is timed."""

Run = Callable[[RGB], Vectors]


@dataclass(frozen=True, slots=True)
class TowerRow:
    """One runtime at one batch size."""

    name: str
    batch: int
    per_second: float
    milliseconds: float
    """Per image."""
    ratio: float | None
    """Speed-up over eager torch at this batch size; None without torch."""
    cosine: float
    lost: float | None
    """Loss of R@1 on dev in points, the larger of both directions, as recorded with the weights."""


@dataclass(frozen=True, slots=True)
class TowerReport:
    """One run; the names of the fields are the keys of `--json`."""

    rows: list[TowerRow]
    left_out: dict[str, str]
    """Runtimes that this machine does not support, and why."""
    squeeze_milliseconds: float
    """Milliseconds on one core to resize a frame, which the rows do not include."""

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        head = "| image tower | batch | images/s | ms an image | times eager | cosine | R@1 lost |"
        body = [
            f"| {r.name} | {r.batch} | {r.per_second:.1f} | {r.milliseconds:.1f} "
            f"| {'' if r.ratio is None else f'{r.ratio:.1f}'} | {r.cosine:.4f} | {'' if r.lost is None else f'{r.lost:.2f}'} |"
            for r in self.rows
        ]
        missing = [f"not available: {name}: {why}" for name, why in self.left_out.items()]
        width, height = DECODED
        squeeze = f"Not included: {self.squeeze_milliseconds:.1f} ms on one core to resize a frame of {width} x {height}."
        return [head, "| --- | --- | --- | --- | --- | --- | --- |", *body, *missing, squeeze]


def run(weights: Path, cache: Path, names: Sequence[str], batches: Sequence[int], threads: int, rounds: int = 5) -> TowerReport:
    """Time the named runtimes (default: all) and eager torch, if it is installed.

    Raises `InvalidInput` for an unknown name, `Corrupt` for invalid weights.
    """
    for name in names:
        find_runtime(name)
    plain = ImageTower(weights, cache, DEFAULT_RUNTIME.name, threads)
    images = load_sample_batch(plain.size)
    reference = plain.embed(list(images))
    methods, left_out = _load_methods(weights, cache, names or list_runtimes(), threads)
    cosines: dict[str, float] = {}
    for name, method in methods.items():
        vectors = np.concatenate([method(images[:8]), method(images[8:])])
        cosines[name] = compare_vectors(name, vectors, reference).cosine or 0.0
    recorded = read_precisions(weights, hash_file(weights, digits=16))
    rows: list[TowerRow] = []
    for batch in batches:
        batch_images = np.resize(images, (batch, *images.shape[1:]))
        durations = measure_seconds({name: partial(method, batch_images) for name, method in methods.items()}, rounds)
        seconds = {name: median(each) for name, each in durations.items()}
        for name, second in seconds.items():
            ratio = seconds[EAGER] / second if EAGER in seconds else None
            lost = _recorded_loss(recorded, name)
            rows.append(TowerRow(name, batch, batch / second, second / batch * 1e3, ratio, cosines[name], lost))
    return TowerReport(rows, left_out, _time_resize(plain.size))


def _load_methods(weights: Path, cache: Path, names: Sequence[str], threads: int) -> tuple[Mapping[str, Run], dict[str, str]]:
    """The methods that this machine supports, by name; and why the others are left out."""
    methods: dict[str, Run] = {}
    left_out: dict[str, str] = {}
    if importlib.util.find_spec("torch") is None:
        left_out[EAGER] = "torch is not installed"
    else:
        methods |= _eager(weights, threads)
    for name in names:
        try:
            require_runtime(name)
            tower = ImageTower(weights, cache, name, threads)
        except MMError as error:
            left_out[name] = str(error)
            continue
        methods[name] = partial(_vectors, tower)
    return methods, left_out


def _vectors(tower: ImageTower, images: RGB) -> Vectors:
    return tower.graph.run({INPUT: images})[OUTPUT].astype(np.float32)


def _eager(weights: Path, threads: int) -> dict[str, Run]:
    """The trained module in float32 on the CPU, in both memory layouts."""
    import torch

    from mm.models.image.efficientnet_lite_torch import load_encoder
    from mm.runtimes.registry import count_usable_cores

    torch.set_num_threads(threads or count_usable_cores())
    plain = load_encoder(weights)
    last = load_encoder(weights).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def run(encoder: torch.nn.Module, layout: torch.memory_format, images: RGB) -> Vectors:
        with torch.inference_mode():
            pixels = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(memory_format=layout).float()
            vectors: Vectors = encoder(pixels).numpy()
        return vectors

    return {
        EAGER: partial(run, plain, torch.contiguous_format),
        CHANNELS_LAST: partial(run, last, torch.channels_last),
    }


def _recorded_loss(recorded: Precisions, name: str) -> float | None:
    if name in (EAGER, CHANNELS_LAST):
        return 0.0
    precision = find_runtime(name).precision
    if precision == "float32":
        return 0.0
    return recorded.losses[precision].recall_loss if precision in recorded.losses else None


def _time_resize(size: int, rounds: int = 20) -> float:
    """Milliseconds of processor time per frame."""
    width, height = DECODED
    frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    start = time.process_time()
    resize_batch([frame] * rounds, size)
    return (time.process_time() - start) / rounds * 1e3
