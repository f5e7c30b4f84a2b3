"""The least a device can take for the image tower: operations over its arithmetic peak, bytes over
its bandwidth.

Williams et al. 2009, "Roofline" (doi:10.1145/1498765.1498785). Bytes are those of a network that
runs layer by layer: every layer reads its input and its weights once and writes its output once. A
version that fuses layers moves less and may run faster.
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
    """What the tower does for one picture, and what it reads once a batch."""

    operations: float
    """A multiplication and an addition are two."""
    activation_values: float
    """Numbers read and written for a picture."""
    weight_values: float
    """Numbers read once a batch."""

    def seconds(self, batch: int, value_bytes: int, peak: Peak) -> tuple[float, float]:
        """For one batch, by arithmetic and by memory; the larger is the floor."""
        moved = (self.activation_values * batch + self.weight_values) * value_bytes
        return self.operations * batch / peak.operations, moved / peak.bytes


@dataclass(frozen=True, slots=True)
class Peak:
    """A second of this device, as measured."""

    operations: float
    bytes: float
    """Read and written, counted both."""


def work(size: int) -> Work:
    """Counted from the table of blocks, for pictures of `size` pixels."""
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
    """A large copy on the device, and a large product of random matrices; medians."""
    source = torch.randint(0, 255, (copied,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    left, right = (torch.randn(side, side, device=device).to(precision) for _ in range(2))
    copying = seconds(lambda: target.copy_(source), device)
    product = seconds(lambda: left @ right, device)
    return Peak(2.0 * side**3 / product, 2.0 * copied / copying)


def seconds(run: Callable[[], object], device: torch.device, rounds: int = ROUNDS) -> float:
    """Median of a call, waiting for the device; two calls before are not counted."""
    taken = []
    for number in range(-2, rounds):
        _wait(device)
        begin = time.perf_counter()
        run()
        _wait(device)
        if number >= 0:
            taken.append(time.perf_counter() - begin)
    return median(taken)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
