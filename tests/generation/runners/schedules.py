"""Random schedules for a runner, each step compared with the NumPy reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mm.generation import Engine, EngineConfig, MediaSpan, Request, Runner, SamplingParams, StepBatch, Vocabulary
from mm.generation.runners.reference_runner import ReferenceRunner
from mm.models.language.config import LanguageConfig
from mm.numerics import Float32
from tests.generation.requests import generate

SIZES = EngineConfig(num_blocks=24, block_size=4, max_model_len=64, max_num_seqs=4, max_num_batched_tokens=9)
"""Little room, so that prompts are divided into chunks and sequences are preempted."""


class ComparingRunner:
    """Runs both, and requires logits equal to `tolerance` (absolute and relative)."""

    def __init__(self, reference: ReferenceRunner, runner: Runner, tolerance: float) -> None:
        self._reference, self._runner, self._tolerance = reference, runner, tolerance
        self.num_steps = 0

    def run(self, batch: StepBatch) -> Float32:
        expected, computed = self._reference.run(batch), self._runner.run(batch)
        assert computed.dtype == np.float32
        np.testing.assert_allclose(computed, expected, atol=self._tolerance, rtol=self._tolerance)
        self.num_steps += 1
        return expected


def compare_on_random_schedule(
    seed: int,
    config: LanguageConfig,
    weights: dict[str, Float32],
    runner: Runner,
    tolerance: float = 1e-4,
    sizes: EngineConfig = SIZES,
    has_expert_bias: bool = True,
    max_requests: int = 6,
) -> None:
    """Serve random requests: shared prefixes, media, chunks of prompts, preemption, expert biases.

    `runner` must have `sizes.num_blocks` blocks of `sizes.block_size` positions.
    """
    random = np.random.default_rng(seed)
    num_moe_layers = sum(config.is_moe_layer(layer) for layer in range(config.num_hidden_layers))
    sizes = replace(sizes, expert_bias_shape=(num_moe_layers, config.num_routed) if num_moe_layers else (0, 0))
    comparing = ComparingRunner(ReferenceRunner(config, weights, sizes.num_blocks, sizes.block_size), runner, tolerance)
    vocabulary = Vocabulary(tuple(bytes([i]) for i in range(config.vocab_size)), (config.vocab_size - 1,))
    media = (0.3 * random.standard_normal((5, config.hidden_size))).astype(np.float32)
    prefix = random.integers(0, config.vocab_size, 9).tolist()
    requests = []
    for i in range(int(random.integers(2, max_requests + 1))):
        tokens = (*prefix[: int(random.integers(6, 10))], *random.integers(0, config.vocab_size, 1 + i).tolist())
        bias = None
        if has_expert_bias and num_moe_layers and random.random() < 0.3:
            bias = (0.1 * random.standard_normal(sizes.expert_bias_shape)).astype(np.float32)
        params = SamplingParams(max_tokens=int(random.integers(1, 9)), temperature=0.0, ignore_eos=True)
        requests.append(Request(str(i), tokens, params, (MediaSpan(1, media),) if i % 2 else (), expert_bias=bias))
    generate(Engine(comparing, vocabulary, sizes), requests)
    assert comparing.num_steps
