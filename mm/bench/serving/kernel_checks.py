"""Kernels on the GPU compared with their references in float32, at the sizes of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from kernels.experts import chained, gathered, grouped, reference, select
from kernels.fused import reference as fused_reference
from kernels.fused import triton_ops
from kernels.paged_attention import reference as attention_reference
from kernels.paged_attention.attention import attend
from kernels.paged_attention.reference import PagedCache, list_tiles
from kernels.quantized import int4, int4_format, int8, int8_format
from mm.bench.serving.engine_run import run_engine
from mm.bench.serving.workload import draw_workload
from mm.errors import MMError
from mm.generation import EngineConfig
from mm.generation.runners.torch_runner import TorchRunner
from mm.models.language.config import LanguageConfig
from mm.models.language.weights import list_weight_shapes

if TYPE_CHECKING:
    from torch import Tensor

    from mm.generation import Runner, StepBatch
    from mm.numerics import Float32

DEVICE = torch.device("cuda")
MAX_ERROR = 5e-3
"""Relative, of results of one kernel in half precision."""

MAX_LOGITS_ERROR = 0.1
"""Relative, of the logits of a step; half precision selects other experts for a few tokens."""


def check_kernels() -> dict[str, float]:
    """The relative error of each kernel. Raises `MMError` when one is larger than `MAX_ERROR`."""
    errors = {**_check_fused(), **_check_experts(), **_check_attention(), **_check_products()}
    for name, error in errors.items():
        if not error < MAX_ERROR:  # NaN fails
            raise MMError(f"The kernel {name} differs from its reference by {error:.2g}.")
    return errors


def compare(computed: Tensor, expected: Tensor) -> float:
    """Relative error: the norm of the difference over that of the expected values."""
    return float((computed.double() - expected.double()).norm() / expected.double().norm())


def _draw(*shape: int) -> Tensor:
    return torch.randn(shape, device=DEVICE).half()


def _check_fused() -> dict[str, float]:
    errors = {}
    x, delta, weight = torch.randn(33, 576, device=DEVICE), _draw(33, 576), _draw(576)
    residuals = x.clone(), x.clone()
    norms = [
        norm(r, delta, weight, 1e-5)
        for norm, r in zip((fused_reference.add_rms_norm, triton_ops.add_rms_norm), residuals, strict=True)
    ]
    errors["add_rms_norm"] = max(compare(norms[1], norms[0]), compare(residuals[1], residuals[0]))
    qkv, angles = _draw(33, 15 * 64), torch.randn(100, 32, device=DEVICE)
    positions = torch.arange(33, device=DEVICE, dtype=torch.int32) * 3
    slots = torch.randperm(80, device=DEVICE).int()[:33]
    results = []
    for rotate in (fused_reference.rotate_and_store, triton_ops.rotate_and_store):
        caches = [torch.zeros(80, 3, 64, device=DEVICE).half() for _ in range(2)]
        results.append([rotate(qkv, positions, slots, angles.cos(), angles.sin(), *caches), *caches])
    errors["rotate_and_store"] = max(compare(ours, theirs) for theirs, ours in zip(*results, strict=True))
    gate_up = _draw(33, 3072)
    errors["silu_and_multiply"] = compare(triton_ops.silu_and_multiply(gate_up), fused_reference.silu_and_multiply(gate_up))
    return errors


def _check_experts() -> dict[str, float]:
    errors: dict[str, float] = {}
    counter = torch.zeros(1, dtype=torch.int32, device=DEVICE)
    for width, inner, num_experts, num_selected in ((576, 16, 128, 3), (2048, 768, 32, 8)):
        x = _draw(300, width)
        gate = torch.randn(num_experts + 2, width, device=DEVICE) * width**-0.5
        gate_up, down = _draw(num_experts, 2 * inner, width) * width**-0.5, _draw(num_experts, width, inner) * inner**-0.5
        bias = 0.1 * torch.randn(num_experts + 2, device=DEVICE)
        logits = reference.score_experts(x.double(), gate)
        name = f"experts of width {inner}"
        errors[f"score, {name}"] = compare(select.score_experts(x[:20], gate), logits[:20])
        indices, weights = reference.select_experts(logits, bias, num_selected)
        ours, our_weights = select.select_experts(logits.contiguous(), bias, num_selected)
        if float((ours != indices).any(1).float().mean()) > 0.01:  # equal scores may be rounded differently
            raise MMError("The kernel select_experts selects other experts than its reference.")
        errors[f"select, {name}"] = compare(our_weights, weights)
        expected = reference.apply_experts(x.float(), indices, weights, gate_up.float(), down.float())
        few = gathered.apply_experts(x[:20].contiguous(), indices[:20].contiguous(), weights[:20].contiguous(), gate_up, down)
        errors[f"gathered, {name}"] = compare(few, expected[:20])
        shared = (_draw(2 * 1536, width) * width**-0.5, _draw(width, 1536) * 1536**-0.5)
        matrices = (gate, bias, gate_up, down, num_selected, counter, shared)
        exact = (gate, bias, gate_up.float(), down.float(), num_selected, (shared[0].float(), shared[1].float()))
        layers = [(chained.apply_layer(row, *matrices), reference.apply_layer(row.float(), *exact)) for row in x[:20, None]]
        errors[f"layer of one vector, {name}"] = compare(*(torch.cat(rows) for rows in zip(*layers, strict=True)))
        errors[f"grouped, {name}"] = compare(grouped.apply_experts(x, indices, weights, gate_up, down), expected)
    return errors


def _check_attention() -> dict[str, float]:
    random, block_size = np.random.default_rng(), 16
    lengths = np.array([(700, 1), (15, 1), (0, 1), (2000, 1), (500, 77), (0, 300)])
    contexts = lengths.sum(1).astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(lengths[:, 1])]).astype(np.int32)
    counts = -(-contexts // block_size)
    blocks = random.permutation(int(counts.sum())).astype(np.int32)
    tables = np.full((len(lengths), counts.max()), -1, np.int32)
    for s, count in enumerate(counts):
        tables[s, :count], blocks = blocks[:count], blocks[count:]
    num_slots = int(counts.sum()) * block_size
    cache = PagedCache(_draw(num_slots, 3, 64), _draw(num_slots, 3, 64), block_size)
    queries = _draw(int(starts[-1]), 9, 64)
    query_starts, context_lens, block_tables = (torch.from_numpy(array).to(DEVICE) for array in (starts, contexts, tables))
    exact = PagedCache(cache.keys_SGD.float(), cache.values_SGD.float(), block_size)
    expected = attention_reference.attend(queries.float(), exact, query_starts, context_lens, block_tables)
    errors = {}
    for name, tokens, num_splits in (("decode", 1, 1), ("split decode", 1, 7), ("prefill", 16, 1)):
        sequences = np.arange(len(lengths), dtype=np.int32)
        tile_seqs, tile_starts = (torch.from_numpy(array).to(DEVICE) for array in list_tiles(starts, sequences, tokens))
        out = torch.full_like(queries, torch.nan)
        attend(queries, cache, query_starts, context_lens, block_tables, tile_seqs, tile_starts, out, tokens, num_splits)
        errors[f"paged attention, {name}"] = compare(out, expected)
    return errors


def _check_products() -> dict[str, float]:
    errors = {}
    weight = _draw(3072, 4096)
    matrix4, matrix8 = int4_format.quantize(weight), int8_format.quantize(weight)
    values4, values8 = int4_format.dequantize(matrix4, torch.float32), int8_format.dequantize(matrix8, torch.float32)
    for count in (1, 2, 9, 50):
        x = _draw(count, 4096)
        if count <= int4.MAX_VECTORS:
            errors[f"int4, {count} vectors"] = compare(int4.multiply_vectors(x, matrix4), x.float() @ values4.T)
        errors[f"int4, batch of {count}"] = compare(int4.multiply_batch(x, matrix4), x.float() @ values4.T)
        errors[f"int8, batch of {count}"] = compare(int8.multiply(x, matrix8), x.float() @ values8.T)
    return errors


def check_runner() -> dict[str, float]:
    """Relative error of the logits of the runner on the GPU, graphs included, to that on the CPU.

    Both serve the same requests; tokens are those of the CPU.
    """
    config = LanguageConfig(
        num_hidden_layers=4,
        vocab_size=1000,
        num_experts=128,
        num_null_experts=2,
        num_experts_per_tok=3,
        moe_intermediate_size=16,
        first_k_dense_replace=2,
    )
    random = np.random.default_rng()
    weights = {
        name: np.ones(shape, np.float32) if name.endswith("norm.weight") else random.standard_normal(shape, np.float32) * 0.03
        for name, shape in list_weight_shapes(config).items()
    }
    engine_config = EngineConfig(num_blocks=400, block_size=16, max_model_len=512, max_num_seqs=48, max_num_batched_tokens=300)
    sizes = engine_config.num_blocks, engine_config.block_size
    pair = _Pair(
        TorchRunner(config, weights, *sizes, precision="fp32"),
        TorchRunner(config, weights, *sizes, DEVICE, "fp16", engine_config.max_num_seqs, engine_config.max_model_len),
    )
    items = draw_workload(40, config.vocab_size, int(random.integers(2**31)), (1, 90), (2, 12))
    run_engine("check", pair, engine_config, config.vocab_size, items)
    errors = {"runner, prompts": max(pair.errors[True]), "runner, decoding in graphs": max(pair.errors[False])}
    for name, error in errors.items():
        if not error < MAX_LOGITS_ERROR:
            raise MMError(f"The logits of the GPU ({name}) differ from those of the CPU by {error:.2g}.")
    return errors


class _Pair:
    """Two runners; `errors` of the steps with prompts and of those without."""

    def __init__(self, exact: Runner, fast: Runner) -> None:
        self._exact, self._fast = exact, fast
        self.errors: dict[bool, list[float]] = {True: [], False: []}

    def run(self, batch: StepBatch) -> Float32:
        exact, fast = self._exact.run(batch), self._fast.run(batch)
        if len(exact):
            has_prompt = len(batch.token_ids_T) > len(batch.context_lens_S)
            self.errors[has_prompt].append(float(np.linalg.norm(fast - exact) / np.linalg.norm(exact)))
        return exact
