"""A workload through the generation engine."""

from __future__ import annotations

import gc
import time
from statistics import mean
from typing import TYPE_CHECKING

from mm.bench.serving.workload import Throughput, WorkItem, summarize
from mm.generation import Engine, EngineConfig, Request, SamplingParams, Vocabulary

if TYPE_CHECKING:
    from mm.generation import Runner


STEPS_PER_WASTE = 8
"""The waste of the cache is measured in one of so many steps."""


def make_vocabulary(size: int) -> Vocabulary:
    """A vocabulary for random weights: every token adds one letter."""
    return Vocabulary((b"a",) * size, (size - 1,))


def run_engine(name: str, runner: Runner, config: EngineConfig, vocab_size: int, items: list[WorkItem]) -> Throughput:
    """Greedy decoding of all items, which are added at once."""
    engine = Engine(runner, make_vocabulary(vocab_size), config)
    times: list[list[float]] = [[] for _ in items]
    waste: list[float] = []
    num_steps = 0
    gc.collect()
    gc.freeze()  # as the process of an engine does
    start = time.perf_counter()
    for i, item in enumerate(items):
        params = SamplingParams(max_tokens=item.num_output_tokens, temperature=0.0, ignore_eos=True)
        engine.add(Request(str(i), item.prompt, params))
    while engine.has_requests:
        outputs = engine.step()
        now = time.perf_counter()
        for output in outputs:
            times[int(output.request_id)].append(now)
        num_steps += 1
        allocated = (config.num_blocks - engine.num_free_blocks) * config.block_size
        if allocated and num_steps % STEPS_PER_WASTE == 1:
            waste.append(engine.num_unused_slots / allocated)
    return summarize(name, items, start, times, mean(waste))
