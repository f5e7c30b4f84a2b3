"""Lower bound of the time of the image tower on a device: the roofline model.

Operations over the arithmetic peak, and bytes over the bandwidth. Williams et al. 2009, "Roofline"
(doi:10.1145/1498765.1498785). Bytes are those of a network that runs layer by layer: every layer
reads its input and its weights once and writes its output once. A version that fuses layers moves
less and can run faster.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

from mm.models.image.efficientnet_lite import CLASSES, DIMENSIONS, FEATURES, STEM_CHANNELS, list_blocks

COPIED_BYTES, MATRIX_SIDE, ROUNDS = 1 << 30, 8192, 10


@dataclass(frozen=True, slots=True)
class Work:
    """Work of the tower for one image, and its reads per batch."""

    operations: float
    """A multiply-add counts as two."""
    activation_values: float
    """Values read and written per image."""
    weight_values: float
    """Values read once per batch."""

    def seconds(self, batch: int, value_bytes: int, peak: Peak) -> tuple[float, float]:
        """Seconds of one batch by arithmetic and by memory; the larger is the lower bound."""
        moved = (self.activation_values * batch + self.weight_values) * value_bytes
        return self.operations * batch / peak.operations, moved / peak.bytes


@dataclass(frozen=True, slots=True)
class Peak:
    """Measured peaks of a device, per second."""

    operations: float
    bytes: float
    """Sum of bytes read and written."""


def count_work(size: int) -> Work:
    """Count from the table of blocks, for square images of `size` pixels."""
    operations = values = weights = 0.0

    def convolution(side: int, stride: int, kernel: int, channels_in: int, channels_out: int, groups: int = 1) -> int:
        nonlocal operations, values, weights
        after = -(-side // stride)
        taps = kernel * kernel * channels_in // groups * channels_out
        operations += 2.0 * taps * after * after
        values += channels_in * side * side + channels_out * after * after
        weights += taps + channels_out
        return after

    side = convolution(size, 2, 3, 3, STEM_CHANNELS)
    for block in list_blocks():
        wide = block.channels_wide
        if block.has_expansion:
            convolution(side, 1, 1, block.channels_in, wide)
        side = convolution(side, block.stride, block.kernel, wide, wide, groups=wide)
        convolution(side, 1, 1, wide, block.channels_out)
        if block.has_residual:
            values += 3.0 * block.channels_out * side * side
    convolution(side, 1, 1, list_blocks()[-1].channels_out, FEATURES)
    for rows, columns in ((FEATURES, DIMENSIONS), (FEATURES, CLASSES), (CLASSES, DIMENSIONS)):
        operations += 2.0 * rows * columns
        values += rows + columns
        weights += rows * columns
    return Work(operations, values, weights)


def measure_peak(device: torch.device, precision: torch.dtype, copied: int = COPIED_BYTES, side: int = MATRIX_SIDE) -> Peak:
    """Measure a large copy and a large matrix product on the device; medians."""
    source = torch.randint(0, 255, (copied,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    left, right = (torch.randn(side, side, device=device).to(precision) for _ in range(2))
    copying = median_seconds(lambda: target.copy_(source), device)
    product = median_seconds(lambda: left @ right, device)
    return Peak(2.0 * side**3 / product, 2.0 * copied / copying)


def median_seconds(run: Callable[[], object], device: torch.device, rounds: int = ROUNDS) -> float:
    """Median seconds of a call with synchronization, after two warm-up calls."""
    durations = []
    for number in range(-2, rounds):
        _synchronize(device)
        start = time.perf_counter()
        run()
        _synchronize(device)
        if number >= 0:
            durations.append(time.perf_counter() - start)
    return median(durations)


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
