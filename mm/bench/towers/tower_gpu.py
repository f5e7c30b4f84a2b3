"""The image tower on a GPU by batch size, against the roofline that is measured on the same
card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from mm.bench.towers.roofline import COPIED_BYTES, MATRIX_SIDE, Peak, measure_peak, seconds, work
from mm.models.image.efficientnet_lite import INPUT
from mm.models.image.efficientnet_lite_torch import load_encoder
from mm.models.image.sample_photos import load_sample_batch
from mm.models.image.torch_graph import TorchImageGraph
from mm.runtimes.gpu import require_gpu


@dataclass(frozen=True, slots=True)
class GpuRow:
    """One batch size."""

    batch: int
    per_second: float
    """With pixels and vectors on the device."""
    floor_per_second: float
    """What the roofline allows."""
    bound: str
    """The part of the roofline that is nearer: arithmetic or memory."""
    copied_per_second: float
    """With pixels that come from the host and vectors that go back, as a worker has it."""


@dataclass(frozen=True, slots=True)
class GpuReport:
    """One run on one device."""

    device: str
    peak: Peak
    rows: list[GpuRow]
    cosine: float
    """Mean over the photographs, to float32 on the CPU."""

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        head = (
            f"{self.device}: {self.peak.operations / 1e12:.1f} Tflop/s in a product, {self.peak.bytes / 1e9:.0f} GB/s in a copy"
        )
        columns = "| batch | pictures/s | roofline, pictures/s | bound by | of the roofline | pictures/s with copies |"
        body = [
            f"| {r.batch} | {r.per_second:.0f} | {r.floor_per_second:.0f} | {r.bound} "
            f"| {100 * r.per_second / r.floor_per_second:.0f} % | {r.copied_per_second:.0f} |"
            for r in self.rows
        ]
        return [head, "", columns, "| --- | --- | --- | --- | --- | --- |", *body, f"cosine to float32: {self.cosine:.5f}"]


def run(weights: Path, size: int, batches: Sequence[int]) -> GpuReport:
    """On the first GPU that this process sees. Raises `Unavailable` without one."""
    require_gpu()
    return measure(weights, size, batches, torch.device("cuda"), torch.float16)


def measure(
    weights: Path,
    size: int,
    batches: Sequence[int],
    device: torch.device,
    precision: torch.dtype,
    copied: int = COPIED_BYTES,
    side: int = MATRIX_SIDE,
) -> GpuReport:
    """The same on any device of torch; smaller `copied` bytes and matrices of `side` suit a CPU."""
    peak = measure_peak(device, precision, copied, side)
    encoder = load_encoder(weights)
    module = TorchImageGraph(encoder, device, precision)
    pictures = load_sample_batch(size)
    with torch.inference_mode():
        exact = encoder(torch.from_numpy(pictures).permute(0, 3, 1, 2).float())
    cosine = float((module.embed(torch.from_numpy(pictures).to(device)).cpu() * exact).sum(1).mean())
    needed = work(size)
    rows = []
    for batch in batches:
        given = np.resize(pictures, (batch, *pictures.shape[1:]))
        there = torch.from_numpy(given).to(device)
        on_device = seconds(partial(module.embed, there), device)
        copied_too = seconds(partial(module.run, {INPUT: given}), device)
        arithmetic, memory = needed.seconds(batch, precision.itemsize, peak)
        bound = "arithmetic" if arithmetic > memory else "memory"
        rows.append(GpuRow(batch, batch / on_device, batch / max(arithmetic, memory), bound, batch / copied_too))
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return GpuReport(name, peak, rows, cosine)
