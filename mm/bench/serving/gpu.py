"""`mm bench serving --device cuda`: kernels and throughput of one GPU."""

from __future__ import annotations

import gc
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch

from mm.bench.serving.engine_run import run_engine
from mm.bench.serving.expert_cache import CacheRow, measure_expert_cache
from mm.bench.serving.gpu_timing import measure_read_bandwidth, report_progress
from mm.bench.serving.kernel_checks import check_kernels, check_runner
from mm.bench.serving.kernel_speeds import MatrixRow, MoERow, measure_matrices, measure_moe_layers
from mm.bench.serving.shapes import MOE_SHAPES
from mm.bench.serving.transformers_run import run_transformers
from mm.bench.serving.workload import Throughput, WorkItem, draw_workload
from mm.generation import EngineConfig
from mm.generation.runners.torch_runner import TorchRunner
from mm.models.language.config import LanguageConfig
from mm.models.language.weights import list_weight_shapes
from mm.runtimes.gpu import require_gpu

if TYPE_CHECKING:
    from mm.numerics import Float32

DENSE = LanguageConfig()
MOE = replace(
    DENSE, num_experts=128, num_null_experts=2, num_experts_per_tok=3, moe_intermediate_size=16, first_k_dense_replace=15
)
CUDA = torch.device("cuda")
ENGINE = EngineConfig(
    num_blocks=48_000, block_size=16, max_model_len=1024, max_num_seqs=1024, max_num_batched_tokens=8192, max_num_waiting=10_000
)


@dataclass(frozen=True, slots=True)
class GpuServingReport:
    """One run on one GPU; the names of the fields are the keys of `--json`."""

    device: str
    read_gb_per_second: float
    errors: dict[str, float]
    """Relative errors of the kernels to their references."""
    throughputs: list[Throughput]
    matrices: list[MatrixRow]
    moe_layers: list[MoERow]
    expert_cache: list[CacheRow]

    def lines(self) -> list[str]:
        """The report as Markdown tables."""
        worst = max(self.errors, key=lambda name: self.errors[name])
        return [
            f"{self.device}, reads {self.read_gb_per_second:.0f} GB/s; "
            f"largest relative error of {len(self.errors)} checks {self.errors[worst]:.1e} ({worst})",
            "",
            *format_throughputs(self.throughputs),
            "",
            "| MoE layer, batch 1 | real experts | MB | us, step by step | us, overlapping | of the bandwidth |",
            "| --- | --- | --- | --- | --- | --- |",
            *(
                f"| {r.name} | {r.num_real_experts:.2f} | {r.megabytes:.2f} | {r.separate_us:.1f} | {r.us:.1f} "
                f"| {100 * r.bandwidth_share:.0f} % |"
                for r in self.moe_layers
            ),
            "",
            "| product | batch | FP16 us | INT8 us | INT4 us | FP16 / INT4 | INT4, of the bandwidth |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *(
                f"| {r.name}: {r.rows} x {r.columns} | {r.batch} | {r.half_us:.1f} | {r.int8_us:.1f} | {r.int4_us:.1f} "
                f"| {r.int4_speedup:.2f} | {100 * r.int4_bandwidth_share:.0f} % |"
                for r in self.matrices
            ),
            "",
            f"| experts of {MOE_SHAPES[1].name} | slots | us a layer | hits | useful prefetches |",
            "| --- | --- | --- | --- | --- |",
            *(
                f"| {r.name} | {100 * r.slots_share:.0f} % | {r.layer_us:.0f} | {100 * r.hit_rate:.0f} % "
                f"| {100 * r.useful_prefetches:.0f} % |"
                for r in self.expert_cache
            ),
        ]


def format_throughputs(rows: list[Throughput]) -> list[str]:
    """A Markdown table."""
    return [
        "| engine | requests | prompt tokens | generated | s | generated/s | first token, mean, p99 s "
        "| between tokens, mean, p99 ms | KV waste |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *(
            f"| {r.name} | {r.num_requests} | {r.num_prompt_tokens} | {r.num_output_tokens} | {r.seconds:.2f} "
            f"| {r.tokens_per_second:.0f} | {r.mean_first_token_seconds:.2f}, {r.p99_first_token_seconds:.2f} "
            f"| {r.mean_inter_token_ms:.2f}, {r.p99_inter_token_ms:.2f} "
            f"| {'' if r.cache_waste is None else f'{100 * r.cache_waste:.1f} %'} |"
            for r in rows
        ),
    ]


@cache
def make_random_weights(config: LanguageConfig, seed: int = 0) -> dict[str, Float32]:
    """Weights of the variance of a trained network; norms are 1."""
    random = np.random.default_rng(seed)
    weights = {}
    for name, shape in list_weight_shapes(config).items():
        if name.endswith("norm.weight"):
            weights[name] = np.ones(shape, np.float32)
        else:
            weights[name] = random.standard_normal(shape, np.float32) * np.float32(shape[-1] ** -0.5)
    return weights


def run(num_requests: int, has_baseline: bool = True, seed: int = 0) -> GpuServingReport:
    """Check the kernels, then measure them and the engine. Raises `Unavailable` without a GPU."""
    require_gpu()
    errors = check_kernels()
    errors |= check_runner()
    for name, error in errors.items():
        report_progress(f"{name}: relative error {error:.1e}")
    items = draw_workload(num_requests, DENSE.vocab_size, seed)
    throughputs = []
    for name, config in (("dense", DENSE), ("with experts", MOE)):
        throughputs.append(_measure_engine(f"mm, SmolLM2-135M {name}", config, items))
        report_progress(f"{name}: {throughputs[-1].tokens_per_second:.0f} tokens/s")
    for config, name in ((DENSE, "dense"), (MOE, "with experts")):
        throughputs.append(_measure_alone(f"mm, one request, {name}", config))
        report_progress(f"{name}: {throughputs[-1].tokens_per_second:.0f} tokens/s")
    bandwidth = measure_read_bandwidth()
    moe_layers, matrices, cache = measure_moe_layers(bandwidth), measure_matrices(bandwidth), measure_expert_cache()
    if has_baseline:
        throughputs.append(run_transformers(DENSE, items, CUDA, torch.float16))
    return GpuServingReport(torch.cuda.get_device_name(), bandwidth / 1e9, errors, throughputs, matrices, moe_layers, cache)


def _measure_engine(name: str, config: LanguageConfig, items: list[WorkItem]) -> Throughput:
    runner = TorchRunner(
        config,
        make_random_weights(config),
        ENGINE.num_blocks,
        ENGINE.block_size,
        CUDA,
        "fp16",
        ENGINE.max_num_seqs,
        ENGINE.max_model_len,
    )
    runner.warm_up()
    run_engine("warm-up", runner, ENGINE, config.vocab_size, [replace(item, num_output_tokens=3) for item in items[:200]])
    throughput = run_engine(name, runner, ENGINE, config.vocab_size, items)
    del runner
    release_memory()
    return throughput


def _measure_alone(name: str, config: LanguageConfig, num_tokens: int = 256) -> Throughput:
    runner = TorchRunner(config, make_random_weights(config), 200, 16, CUDA, "fp16", 1, 1024)
    item = WorkItem(tuple(range(100)), num_tokens)
    engine = replace(ENGINE, num_blocks=200, max_num_seqs=1)
    run_engine("warm-up", runner, engine, config.vocab_size, [item])
    throughput = run_engine(name, runner, engine, config.vocab_size, [item])
    del runner
    release_memory()
    return throughput


def release_memory() -> None:
    """Return the memory of what is no longer used, so that the next measurement has it."""
    gc.collect()
    torch.cuda.empty_cache()
