"""A workload through the continuous batching of transformers, as in its `generate_batch`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from mm.bench.serving.workload import Throughput, WorkItem, summarize
from mm.errors import MMError

if TYPE_CHECKING:
    from mm.models.language.config import LanguageConfig

LIMIT_SECONDS = 120.0


def run_transformers(
    config: LanguageConfig, items: list[WorkItem], device: torch.device, dtype: torch.dtype, limit: float = LIMIT_SECONDS
) -> Throughput:
    """A Llama model of these sizes with random weights, greedy, at its default settings.

    A first small batch warms it up. Raises `MMError` when the requests take longer than `limit`.
    """
    from transformers import ContinuousBatchingConfig, GenerationConfig, LlamaConfig, LlamaForCausalLM
    from transformers.generation.continuous_batching.utils import WorkloadHints

    torch.manual_seed(0)
    model_config = LlamaConfig(
        hidden_size=config.hidden_size,
        num_hidden_layers=config.num_hidden_layers,
        num_attention_heads=config.num_attention_heads,
        num_key_value_heads=config.num_key_value_heads,
        intermediate_size=config.intermediate_size,
        vocab_size=config.vocab_size,
        max_position_embeddings=config.max_position_embeddings,
        tie_word_embeddings=True,
    )
    with device:
        model = LlamaForCausalLM(model_config).to(dtype).eval()
    hints = WorkloadHints(max(len(item.prompt) for item in items), max(item.num_output_tokens for item in items), len(items))
    with model.continuous_batching_context_manager(
        generation_config=GenerationConfig(
            do_sample=False, eos_token_id=-1, pad_token_id=0, max_new_tokens=hints.max_generated_length
        ),
        continuous_batching_config=ContinuousBatchingConfig(max_memory_percent=0.6),
        workload_hints=hints,
        timeout=5,
    ) as manager:
        _serve(manager, items[:32], limit)
        start, results = _serve(manager, items, limit)
        attention = model.config._attn_implementation
    return summarize(f"transformers, {attention}", items, start, results)


def _serve(manager: object, items: list[WorkItem], limit: float) -> tuple[float, list[list[float]]]:
    """The start, and the times of the tokens of each item."""
    start = time.perf_counter()
    places = {
        manager.add_request(  # type: ignore[attr-defined]
            list(item.prompt), max_new_tokens=item.num_output_tokens, record_timestamps=True, eos_token_id=-1
        ): i
        for i, item in enumerate(items)
    }
    times: list[list[float]] = [[] for _ in items]
    num_finished = 0
    while num_finished < len(items):
        if time.perf_counter() - start > limit:
            raise MMError(f"transformers finished {num_finished} of {len(items)} requests within {limit:.0f} s.")
        result = manager.get_result(timeout=1)  # type: ignore[attr-defined]
        if result is not None and result.is_finished() and result.request_id in places:
            if result.error is not None:
                raise MMError(f"transformers failed: {result.error}")
            times[places[result.request_id]] = list(result.timestamps)
            num_finished += 1
    return start, times
