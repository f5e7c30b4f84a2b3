"""Benchmark of windowed attention on a GPU: `python -m kernels.bench`.

It is compared with the dense attention of PyTorch, the reference implementation and the roofline.

Input: 30 minutes at 2 frames a second, 3,600 tokens with four global ones, four heads of 64 in
bfloat16, a batch of 16 videos. Times are medians of replayed CUDA graphs, which exclude launches
from Python. The roofline counts the pairs that attend (two products forward, five backward) and
each tensor read or written once, divided by the speed of a product and of a copy on the same card.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from kernels.windowed_attention import DENSE, LOCAL, Tile, Tiles, windowed_attention
from kernels.windowed_attention_torch import windowed_attention as windowed_attention_torch
from kernels.windows import Windows, make_windows

BATCH, HEADS, TOKENS, WIDTH, GLOBAL, RATE = 16, 4, 3600, 64, 4, 2.0
UNLIMITED_SECONDS = 1e6
"""A window that includes all tokens, in seconds."""
REPEATS = 20

Attention = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True, slots=True)
class Peak:
    """The measured peak performance of the card."""

    operations: float
    """Operations a second in a large bfloat16 product."""
    bytes: float
    """Bytes read and written a second in a large copy."""

    def roofline_seconds(self, pairs: float, products: int, tensors: int) -> float:
        """The minimum seconds for these products of pairs and passes over tensors of all tokens."""
        arithmetic = 2.0 * products * pairs * WIDTH / self.operations
        memory = 2.0 * tensors * BATCH * HEADS * TOKENS * WIDTH / self.bytes
        return max(arithmetic, memory)


def measure_seconds(run: Callable[[], object]) -> float:
    """Median seconds of the replays of a captured CUDA graph."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    durations = []
    for number in range(-3, REPEATS):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        graph.replay()
        end.record()
        end.synchronize()
        if number >= 0:
            durations.append(begin.elapsed_time(end) / 1e3)
    return sorted(durations)[len(durations) // 2]


def measure_peak() -> Peak:
    """Measure a large product and a large copy."""
    source = torch.randint(0, 255, (1 << 30,), dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    left, right = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    return Peak(
        2.0 * 8192**3 / measure_seconds(lambda: left @ right), 2.0 * len(source) / measure_seconds(lambda: target.copy_(source))
    )


def make_inputs(window: float) -> tuple[list[torch.Tensor], Windows]:
    """Random q, k, v and gradient of the output, and windows.

    The times have gaps, as after the removal of near-duplicate frames.
    """
    tensors = [torch.randn(BATCH, HEADS, TOKENS, WIDTH, device="cuda", dtype=torch.bfloat16) for _ in range(4)]
    steps = (torch.rand(BATCH, TOKENS, device="cuda") < 0.2).float() / RATE + 1 / RATE
    return tensors, make_windows((steps * 1 / 1.2).cumsum(dim=1), window, num_global=GLOBAL)


def measure_both(attention: Attention, tensors: list[torch.Tensor]) -> tuple[float, float]:
    """Seconds forward, and forward and backward together."""
    q, k, v = (tensor.detach().requires_grad_() for tensor in tensors[:3])

    def forward_and_backward() -> object:
        return torch.autograd.grad(attention(q, k, v), (q, k, v), tensors[3])

    with torch.no_grad():
        forward = measure_seconds(lambda: attention(q, k, v))
    return forward, measure_seconds(forward_and_backward)


def measure_dense(tensors: list[torch.Tensor]) -> tuple[str, float, float]:
    """The fastest backend of PyTorch, and its times."""
    times = []
    for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.EFFICIENT_ATTENTION):
        with sdpa_kernel(backend):
            times.append((*measure_both(scaled_dot_product_attention, tensors), backend.name))
    for forward, both, name in times:
        print(f"SDPA {name}: forward {forward * 1e6:.0f} us, forward and backward {both * 1e6:.0f} us")
    forward, both, name = min(times, key=lambda row: row[1])
    return name, min(row[0] for row in times), both


def measure_error(tensors: list[torch.Tensor], windows: Windows) -> float:
    """The largest relative error of output and gradients on the first video of the batch.

    It is relative to the reference implementation in float64.
    """
    inputs = [tensor[:1].double() for tensor in tensors]
    video_windows = make_windows(windows.times_BL[:1], windows.seconds, num_global=windows.num_global)
    errors = []
    results = []
    for attention, dtype in ((windowed_attention_torch, torch.float64), (windowed_attention, torch.bfloat16)):
        q, k, v = (tensor.to(dtype).requires_grad_() for tensor in inputs[:3])
        out = attention(q, k, v, video_windows)
        results.append([out.detach(), *torch.autograd.grad(out, (q, k, v), inputs[3].to(dtype))])
    for reference, computed in zip(*results, strict=True):
        errors.append(float((reference - computed).norm() / reference.norm()))
    return max(errors)


def sweep(window: float) -> None:
    """Search the fastest launch parameters of each kernel, one kernel at a time."""
    tensors, windows = make_inputs(window)
    best: Tiles = LOCAL if windows.is_local else DENSE
    for kernel in ("forward", "queries", "keys"):
        rows = []
        for block_m, block_n, warps, stages, heads_fastest in itertools.product(
            (64, 128), (32, 64), (4, 8), (2, 3, 4), (False, True)
        ):
            if block_m < 128 and warps > 4:
                continue
            tile = Tile(block_m, block_n, warps, stages, heads_fastest)
            tiles = replace(best, **{kernel: tile})
            try:
                times = measure_both(partial(windowed_attention, windows=windows, tiles=tiles), tensors)
            except Exception as failure:  # noqa: BLE001 - Triton raises various errors for tiles that do not fit
                print(f"{kernel} {tile}: {type(failure).__name__}")
                continue
            rows.append((times[0] if kernel == "forward" else times[1], tile))
        rows.sort(key=lambda row: row[0])
        best = replace(best, **{kernel: rows[0][1]})
        for duration, tile in rows[:4]:
            print(f"window {window:g} s, {kernel}: {tile} {duration * 1e6:.0f} us")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweep", action="store_true", help="search the fastest tiles first")
    parser.add_argument("--window", type=float, default=20.0, metavar="S", help="seconds to each side (default 20)")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("This benchmark needs a GPU, and torch detects none.")
    torch.manual_seed(0)
    peak = measure_peak()
    name = torch.cuda.get_device_name()
    print(f"{name}: {peak.operations / 1e12:.0f} Tflop/s in a product, {peak.bytes / 1e9:.0f} GB/s in a copy")
    if arguments.sweep:
        sweep(UNLIMITED_SECONDS)
        sweep(arguments.window)
    name, dense_forward, dense_both = measure_dense(make_inputs(UNLIMITED_SECONDS)[0])
    print(f"\n| attention | density | forward us | of the roofline | both us | of the roofline | SDPA ({name}) over ours, both |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for window in (UNLIMITED_SECONDS, arguments.window):
        tensors, windows = make_inputs(window)
        first = make_windows(windows.times_BL[:1], window, num_global=GLOBAL)
        pairs = first.density * BATCH * HEADS * TOKENS**2
        minimum = peak.roofline_seconds(pairs, 2, 4), peak.roofline_seconds(pairs, 2, 4) + peak.roofline_seconds(pairs, 5, 8)
        for label, attention in (("ours", windowed_attention), ("reference", windowed_attention_torch)):
            forward, both = measure_both(partial(attention, windows=windows), tensors)
            print(
                f"| {label}, {'dense' if window == UNLIMITED_SECONDS else f'{window:g} s'} | {first.density:.3f} "
                f"| {forward * 1e6:.0f} | {100 * minimum[0] / forward:.0f} % | {both * 1e6:.0f} "
                f"| {100 * minimum[1] / both:.0f} % "
                f"| forward {dense_forward / forward:.2f}, both {dense_both / both:.2f} |"
            )
        print(f"largest relative error of ours to the reference in float64: {measure_error(tensors, windows):.4f}\n")


if __name__ == "__main__":
    main()
