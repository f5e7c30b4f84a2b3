"""Throughput of the image tower on a GPU by batch size, beside the measured roofline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from mm.bench.towers.roofline import COPIED_BYTES, MATRIX_SIDE, Peak, count_work, measure_peak, median_seconds
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
    """Upper bound by the roofline."""
    bound: str
    """The limit of the roofline: arithmetic or memory."""
    copied_per_second: float
    """With copies of pixels from the host and of vectors to it, as in a worker."""


@dataclass(frozen=True, slots=True)
class GpuReport:
    """One run on one device."""

    device: str
    peak: Peak
    rows: list[GpuRow]
    cosine: float
    """Mean cosine to float32 on the CPU over the sample photos."""

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        head = (
            f"{self.device}: {self.peak.operations / 1e12:.1f} Tflop/s in a product, {self.peak.bytes / 1e9:.0f} GB/s in a copy"
        )
        columns = "| batch | images/s | roofline, images/s | bound by | of the roofline | images/s with copies |"
        body = [
            f"| {r.batch} | {r.per_second:.0f} | {r.floor_per_second:.0f} | {r.bound} "
            f"| {100 * r.per_second / r.floor_per_second:.0f} % | {r.copied_per_second:.0f} |"
            for r in self.rows
        ]
        return [head, "", columns, "| --- | --- | --- | --- | --- | --- |", *body, f"cosine to float32: {self.cosine:.5f}"]


def run(weights: Path, size: int, batches: Sequence[int]) -> GpuReport:
    """Measure the first visible GPU. Raises `Unavailable` without one."""
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
    """Measure any torch device; a CPU needs smaller `copied` bytes and matrices of `side`."""
    peak = measure_peak(device, precision, copied, side)
    encoder = load_encoder(weights)
    graph = TorchImageGraph(encoder, device, precision)
    images = load_sample_batch(size)
    with torch.inference_mode():
        exact = encoder(torch.from_numpy(images).permute(0, 3, 1, 2).float())
    cosine = float((graph.embed(torch.from_numpy(images).to(device)).cpu() * exact).sum(1).mean())
    needed = count_work(size)
    rows = []
    for batch in batches:
        batch_images = np.resize(images, (batch, *images.shape[1:]))
        device_images = torch.from_numpy(batch_images).to(device)
        on_device = median_seconds(partial(graph.embed, device_images), device)
        with_copies = median_seconds(partial(graph.run, {INPUT: batch_images}), device)
        arithmetic, memory = needed.seconds(batch, precision.itemsize, peak)
        bound = "arithmetic" if arithmetic > memory else "memory"
        rows.append(GpuRow(batch, batch / on_device, batch / max(arithmetic, memory), bound, batch / with_copies))
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return GpuReport(name, peak, rows, cosine)
