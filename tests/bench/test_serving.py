"""The parts of `mm bench serving` that need no GPU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mm.bench.serving.cpu import run as run_cpu
from mm.bench.serving.engine_run import make_vocabulary, run_engine
from mm.bench.serving.gpu import ENGINE, format_throughputs, make_random_weights
from mm.bench.serving.workload import WorkItem, draw_workload, summarize
from mm.errors import Unavailable
from mm.generation.runners.torch_runner import TorchRunner
from mm.models.language.graph.builtin import BuiltinModel
from mm.runtimes.gpu import require_gpu
from tests.models.language.models import MOE


def test_draw_workload_has_lengths_in_range_and_is_reproducible() -> None:
    items = draw_workload(200, 50, seed=1, prompt_lens=(3, 9), output_lens=(2, 4))
    assert {len(item.prompt) for item in items} == set(range(3, 10))
    assert {item.num_output_tokens for item in items} == {2, 3, 4}
    assert {token for item in items for token in item.prompt} == set(range(49))
    assert items == draw_workload(200, 50, seed=1, prompt_lens=(3, 9), output_lens=(2, 4))


def test_run_engine_generates_the_tokens_of_the_workload_and_measures_waste() -> None:
    config = replace(ENGINE, num_blocks=60, block_size=4, max_num_seqs=5, max_num_batched_tokens=20, max_model_len=32)
    items = draw_workload(7, MOE.vocab_size, seed=0, prompt_lens=(1, 9), output_lens=(1, 5))
    runner = TorchRunner(MOE, make_random_weights(MOE), config.num_blocks, config.block_size, precision="fp32")
    throughput = run_engine("ours", runner, config, MOE.vocab_size, items)
    assert throughput.num_output_tokens == sum(item.num_output_tokens for item in items)
    assert throughput.cache_waste is not None
    assert 0 < throughput.cache_waste < 0.75
    assert "| ours | 7 |" in format_throughputs([throughput])[2]


def test_summarize_uses_the_times_of_tokens() -> None:
    items = [WorkItem((1, 2), 3), WorkItem((1,), 1)]
    throughput = summarize("ours", items, 10.0, [[11.0, 11.5, 12.0], [13.0]])
    assert (throughput.seconds, throughput.mean_first_token_seconds, throughput.mean_inter_token_ms) == (3.0, 2.0, 500.0)
    assert throughput.num_output_tokens == 4
    assert throughput.num_prompt_tokens == 3


def test_make_vocabulary_has_one_end_token() -> None:
    assert make_vocabulary(5).eos_token_ids == (4,)


def test_bench_serving_on_a_cpu_reports_captions_queued_and_alone(tmp_path: Path) -> None:
    report = run_cpu(BuiltinModel(tmp_path), num_captions=2, threads=1)
    assert report.num_alone == 2
    assert report.queued_per_second > 0
    assert "| queued | 2 |" in report.lines()[3]


def test_bench_serving_without_a_gpu_is_refused() -> None:
    try:
        require_gpu()
    except Unavailable:
        from mm.bench.serving.gpu import run

        with pytest.raises(Unavailable, match="GPU"):
            run(2)
