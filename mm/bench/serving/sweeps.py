"""Searches launch parameters, and lists the kernels of a decoding step by their time.

`python -m mm.bench.serving.sweeps`. The defaults of the kernels are results of it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch

from kernels.experts import chained, gathered
from kernels.experts.tiles import Tile
from kernels.paged_attention import attention
from kernels.paged_attention.reference import PagedCache
from kernels.quantized import int4, int4_format
from mm.bench.serving.gpu import CUDA, DENSE, ENGINE, make_random_weights
from mm.bench.serving.gpu_timing import count_copies, measure_each
from mm.bench.serving.kernel_speeds import draw_half, make_moe_layer
from mm.bench.serving.shapes import MATRIX_SHAPES, MOE_SHAPES, MoEShape
from mm.generation import StepBatch
from mm.generation.request import SamplingParams
from mm.generation.runners.torch_model import Layer
from mm.generation.runners.torch_runner import TorchRunner
from mm.generation.sampler import make_row_sampling

EXPERT_TILES = [Tile(*sizes) for sizes in ((4, 512, 4), (2, 1024, 4), (2, 512, 4), (4, 256, 4), (8, 256, 4), (4, 1024, 8))]
LAYER_TILES = [
    Tile(*sizes)
    for sizes in ((1, 512, 1), (1, 512, 4), (2, 512, 4), (4, 512, 4), (4, 256, 2), (8, 512, 4), (1, 1024, 4), (4, 4096, 8))
]
"""For each of the three launches; more columns than a matrix has are cut."""
INT4_TILES = [
    int4.Tile(*sizes)
    for sizes in ((4, 512, 1, 4), (4, 512, 2, 6), (4, 512, 4, 6), (8, 512, 4, 5), (8, 512, 8, 3), (16, 512, 8, 2), (4, 512, 8, 2))
]
ATTENTION_TILES = [attention.Tile(*sizes) for sizes in product((16, 32, 64, 128), (1, 2, 4), (2, 3))]


def sweep_experts() -> list[str]:
    """Times of both matrices of the experts of a token, for each tile of one of them."""
    lines = []
    for shape in MOE_SHAPES[:2]:
        experts, width, inner = shape.num_experts, shape.hidden_size, shape.moe_intermediate_size
        gate_up = torch.stack([draw_half(2 * inner, width) for _ in range(experts)])
        down = torch.stack([draw_half(width, inner) for _ in range(experts)])
        x, weights = draw_half(1, width), torch.rand(1, shape.num_experts_per_tok, device=CUDA)
        picks = [torch.randperm(experts, device=CUDA)[None, : shape.num_experts_per_tok].int() for _ in range(32)]
        tiles = [gathered.Tiles(tile, EXPERT_TILES[0]) for tile in EXPERT_TILES]
        tiles += [gathered.Tiles(EXPERT_TILES[0], tile) for tile in EXPERT_TILES[1:]]
        for chosen in tiles:
            runs = [partial(gathered.apply_experts, x, pick, weights, gate_up, down, tiles=chosen) for pick in picks]
            lines.append(f"{shape.name} {chosen}: {measure_each(runs) * 1e6:.1f} us")
    return lines


def sweep_layers() -> list[str]:
    """Times of a MoE layer of one vector: each launch with the best tiles so far of the others."""
    lines = []
    for shape in MOE_SHAPES:
        per_layer = 6 * shape.hidden_size * (shape.num_experts * shape.moe_intermediate_size + shape.shared_intermediate_size)
        layers = [make_moe_layer(shape) for _ in range(count_copies(per_layer))]
        best = chained.Tiles(LAYER_TILES[2], 2, LAYER_TILES[2], LAYER_TILES[2])
        for launch in ("gate_up", "down", "route"):
            changes: list[dict[str, Any]] = [{launch: tile} for tile in LAYER_TILES]  # a field of another type exists, too
            candidates = [replace(best, **change) for change in changes]
            seconds = [_measure_layers(layers, shape, tiles) for tiles in candidates]
            best = candidates[seconds.index(min(seconds))]
        lines.append(f"{shape.name} {best}: {_measure_layers(layers, shape, best) * 1e6:.1f} us")
    return lines


def _measure_layers(layers: list[Layer], shape: MoEShape, tiles: chained.Tiles) -> float:
    counter = torch.zeros(1, device=CUDA, dtype=torch.int32)
    runs = []
    for number in range(48):
        layer, x = layers[number % len(layers)], draw_half(1, shape.hidden_size)
        experts = layer.experts
        assert experts is not None
        weights = experts.gate_RW, experts.bias_R, experts.gate_up_EIW, experts.down_EWI
        arguments = x, *weights, shape.num_experts_per_tok, counter, layer.matrices
        runs.append(partial(chained.apply_layer, *arguments, tiles=tiles))
    return measure_each(runs)


def sweep_int4() -> list[str]:
    """Times of the product of one vector and a matrix in 4 bits, for each tile."""
    lines = []
    for name, rows, columns in MATRIX_SHAPES:
        count, x = count_copies(rows * columns // 2), draw_half(1, columns)
        first = int4_format.quantize(draw_half(rows, columns))
        parts = first.words_NBW, first.ranges_NB, first.factors_N
        matrices = [int4_format.Int4Matrix(*(part.clone() for part in parts)) for _ in range(count)]
        for tile in INT4_TILES:
            seconds = measure_each([partial(int4.multiply_vectors, x, matrix, tile) for matrix in matrices])
            lines.append(f"{name} {tile}: {seconds * 1e6:.1f} us")
    return lines


def sweep_attention(num_seqs: int = 1000, context: int = 300) -> list[str]:
    """Times of decoding with many sequences, for each tile."""
    num_columns = -(-context // ENGINE.block_size)
    blocks = torch.randperm(num_seqs * num_columns, device=CUDA).int().view(num_seqs, num_columns)
    slots = num_seqs * num_columns * ENGINE.block_size
    caches = [PagedCache(draw_half(slots, 3, 64), draw_half(slots, 3, 64), ENGINE.block_size) for _ in range(4)]
    queries = draw_half(num_seqs, 9, 64)
    out, starts = torch.empty_like(queries), torch.arange(num_seqs + 1, device=CUDA, dtype=torch.int32)
    lengths = torch.full((num_seqs,), context, device=CUDA, dtype=torch.int32)
    lines = []
    for tile in ATTENTION_TILES:
        runs = [
            partial(attention.attend, queries, cache, starts, lengths, blocks, starts[:-1], starts[:-1], out, launch=tile)
            for cache in caches
        ]
        seconds = measure_each(runs)
        num_bytes = 2 * 2 * num_seqs * context * 3 * 64
        lines.append(f"{tile}: {seconds * 1e6:.1f} us, {num_bytes / seconds / 1e9:.0f} GB/s")
    return lines


def profile_step(num_seqs: int = 1000, context: int = 300) -> list[str]:
    """Kernels of a decoding step by their total time."""
    from torch.profiler import ProfilerActivity, profile

    runner = TorchRunner(
        DENSE, make_random_weights(DENSE), ENGINE.num_blocks, 16, CUDA, "fp16", ENGINE.max_num_seqs, ENGINE.max_model_len
    )
    num_columns = -(-context // 16)
    tables = np.random.default_rng(0).permutation(num_seqs * num_columns).astype(np.int32).reshape(num_seqs, num_columns)
    places = np.arange(num_seqs, dtype=np.int32)
    batch = StepBatch(
        token_ids_T=places,
        positions_T=np.full(num_seqs, context - 1, np.int32),
        slots_T=tables[:, -1] * 16 + (context - 1) % 16,
        query_starts_S1=np.arange(num_seqs + 1, dtype=np.int32),
        context_lens_S=np.full(num_seqs, context, np.int32),
        block_tables_SN=tables,
        logits_rows_L=places,
        media_rows_M=np.zeros(0, np.int32),
        media_embeddings_MD=None,
        expert_bias_SEA=None,
    )
    sampling = make_row_sampling([SamplingParams(temperature=0.0)] * num_seqs, [0] * num_seqs, [0] * num_seqs)
    step = partial(runner.run_and_sample, batch, sampling, np.zeros(0, np.int32))
    for _ in range(3):
        step()
    with profile(activities=[ProfilerActivity.CUDA]) as trace:
        for _ in range(5):
            step()
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    begin.record()
    for _ in range(10):
        step()
    end.record()
    end.synchronize()
    events = sorted(trace.key_averages(), key=lambda event: -event.device_time_total)[:14]
    return [
        f"a step of {num_seqs} sequences: {begin.elapsed_time(end) / 10:.2f} ms",
        *(f"{event.device_time_total / 5e3:.3f} ms, {event.count // 5} times: {event.key[:70]}" for event in events),
    ]


def main() -> None:
    for sweep in (sweep_experts, sweep_layers, sweep_int4, sweep_attention, profile_step):
        print("\n".join(sweep()), flush=True)


if __name__ == "__main__":
    main()
