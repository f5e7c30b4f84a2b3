"""The engine, with a model whose text changes with any error of the cache or the batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest

from mm.errors import InvalidInput, NotFound, TooLarge, TooMany
from mm.generation import Choice, Engine, EngineConfig, EngineMetrics, MediaSpan, Request, SamplingParams
from tests.generation.hash_model import SMALL, HashRunner, generate_alone, logits_of
from tests.generation.requests import MEDIA, NUM_TOKENS, engines, generate, joined, make_engine, request_lists

ROOMY = EngineConfig(num_blocks=400, block_size=4, max_num_seqs=64, max_num_batched_tokens=256)
GREEDY = SamplingParams(max_tokens=8, temperature=0.0, ignore_eos=True)


@settings(max_examples=150, deadline=None)
@given(engines(), request_lists())
def test_engine_gives_each_request_what_it_gets_alone(engine: Engine, requests: list[Request]) -> None:
    outputs = generate(engine, requests)
    for request in requests:
        assert joined(outputs[request.request_id]) == generate_alone(request, SMALL)
    assert engine.num_free_blocks == engine.config.num_blocks


@settings(max_examples=30, deadline=None)
@given(engines(), request_lists(max_size=3))
def test_engine_with_a_filled_cache_gives_the_same_again(engine: Engine, requests: list[Request]) -> None:
    first, second = generate(engine, requests), generate(engine, requests)
    assert {i: joined(outputs) for i, outputs in first.items()} == {i: joined(outputs) for i, outputs in second.items()}


def test_engine_without_room_preempts_and_gives_the_same_text() -> None:
    requests = [Request(str(i), (i, i, i), SamplingParams(max_tokens=20, seed=i, ignore_eos=True)) for i in range(5)]
    metrics = EngineMetrics()
    config = EngineConfig(num_blocks=8, block_size=4, max_num_seqs=5, max_num_batched_tokens=16)
    outputs = generate(Engine(HashRunner(NUM_TOKENS, 8, 4), SMALL, config, metrics), requests)
    assert [joined(outputs[str(i)]) for i in range(5)] == [generate_alone(request, SMALL) for request in requests]
    assert metrics.registry.get_sample_value("vllm:num_preemptions_total") > 0


def test_preempted_request_continues_before_later_ones_of_its_key() -> None:
    params = SamplingParams(max_tokens=20, seed=1, ignore_eos=True)
    config = EngineConfig(num_blocks=8, block_size=4, max_num_seqs=2, max_num_batched_tokens=16)
    engine = make_engine(config)
    for i in range(4):  # two run, and there is room for one of them
        engine.add(Request(str(i), (i, i, i), params))
    ended = []
    while engine.has_requests:
        ended += [output.request_id for output in engine.step() if output.finish_reason]
    assert engine.metrics.registry.get_sample_value("vllm:num_preemptions_total") > 0
    assert ended == ["0", "1", "2", "3"]


def first_outputs(engine: Engine, num_steps: int) -> list[str]:
    """Ids of the requests in the order of their first outputs."""
    ids = [output.request_id for _ in range(num_steps) for output in engine.step()]
    return list(dict.fromkeys(ids))


def test_request_that_needs_the_whole_cache_is_admitted_when_nothing_runs() -> None:
    engine = make_engine(EngineConfig(num_blocks=200, block_size=1, max_num_seqs=2, max_num_batched_tokens=200))
    engine.add(Request("whole", (1,) * 199, replace(GREEDY, max_tokens=1)))
    assert first_outputs(engine, 1) == ["whole"]


def test_admission_leaves_a_hundredth_of_the_blocks_for_the_running_requests() -> None:
    engine = make_engine(EngineConfig(num_blocks=200, block_size=1, max_num_seqs=9, max_num_batched_tokens=200))
    engine.add(Request("first", (1,) * 100, GREEDY))
    engine.add(Request("second", (2,) * 98, GREEDY))  # 2 remain
    engine.add(Request("third", (3,), GREEDY))
    assert first_outputs(engine, 1) == ["first", "second"]
    assert engine.num_free_blocks == 2


def test_request_that_does_not_fit_yet_is_not_passed_by_a_small_one_of_another_key() -> None:
    engine = make_engine(EngineConfig(num_blocks=20, block_size=4, max_num_seqs=9, max_num_batched_tokens=99))
    engine.add(Request("running", (1,) * 40, GREEDY, key="c"))
    engine.step()
    engine.add(Request("large", (2,) * 60, GREEDY, key="a"))
    engine.add(Request("small", (3,), GREEDY, key="b"))
    assert first_outputs(engine, 30) == ["running", "large", "small"]


def test_engine_computes_a_long_prompt_in_chunks_beside_decoding() -> None:
    config = EngineConfig(num_blocks=100, block_size=4, max_num_seqs=4, max_num_batched_tokens=10)
    runner = HashRunner(NUM_TOKENS, 100, 4)
    engine = Engine(runner, SMALL, config)
    engine.add(Request("short", (1, 2), replace(GREEDY, max_tokens=30)))
    engine.step()
    engine.add(Request("long", tuple([3] * 60), GREEDY))
    num_tokens = {"short": 0, "long": 0}
    while not num_tokens["long"]:
        for output in engine.step():
            num_tokens[output.request_id] += 1
    assert runner.calls[1:7] == [(10, 2)] * 6  # one token of `short` and nine of `long` in each step
    assert num_tokens["short"] == 7


def test_engine_with_a_cached_prefix_computes_only_the_rest() -> None:
    runner = HashRunner(NUM_TOKENS, ROOMY.num_blocks, ROOMY.block_size)
    engine = Engine(runner, SMALL, ROOMY)
    prefix = tuple(range(12)) * 4
    generate(engine, [Request("first", (*prefix, 1), GREEDY)])
    runner.calls.clear()
    outputs = generate(engine, [Request("second", (*prefix, 2), GREEDY)])["second"]
    assert runner.calls[0] == (1, 1)
    assert outputs[0].num_cached_tokens == len(prefix)


def test_engine_with_a_common_prefix_in_the_queue_computes_it_once() -> None:
    runner = HashRunner(NUM_TOKENS, ROOMY.num_blocks, ROOMY.block_size)
    prefix = tuple(range(12)) * 4
    requests = [Request(str(i), (*prefix, i), replace(GREEDY, max_tokens=1)) for i in range(12)]
    outputs = generate(Engine(runner, SMALL, ROOMY), requests)
    assert sum(num_tokens for num_tokens, _ in runner.calls) == len(prefix) + len(requests)
    assert [joined(outputs[request.request_id]) for request in requests] == [generate_alone(r, SMALL) for r in requests]


@pytest.mark.parametrize(
    ("media", "salt", "num_cached"),
    [(MEDIA[2], b"", 8), (MEDIA[3], b"", 0), (MEDIA[2], b"other", 0)],
    ids=["same media", "other media", "other salt"],
)
def test_engine_reuses_a_media_prefix_of_equal_content_only(media: np.ndarray, salt: bytes, num_cached: int) -> None:
    engine = make_engine(ROOMY)
    prompt = tuple([0] * 5 + [1] * 4)
    first = Request("first", prompt, GREEDY, (MediaSpan(0, MEDIA[2]),))
    generate(engine, [first])
    second = Request("second", prompt, GREEDY, (MediaSpan(0, media.copy()),), cache_salt=salt)
    outputs = generate(engine, [second])["second"]
    assert outputs[0].num_cached_tokens == num_cached
    assert joined(outputs) == generate_alone(second, SMALL)


def test_engine_passes_the_expert_bias_of_each_sequence_and_shares_no_prefix_between_biases() -> None:
    config = replace(ROOMY, expert_bias_shape=(2, 3))
    runner, biases = HashRunner(NUM_TOKENS, config.num_blocks, config.block_size), []
    engine = Engine(runner, SMALL, config)
    run = runner.run
    runner.run = lambda batch: (biases.append(batch.expert_bias_SEA), run(batch))[1]
    bias, params, prompt = np.full((2, 3), 0.5, np.float32), replace(GREEDY, max_tokens=1), (1,) * 9
    requests = [Request("plain", prompt, params), Request("biased", prompt, params, expert_bias=bias)]
    outputs = generate(engine, requests)
    np.testing.assert_array_equal(biases[0], [np.zeros((2, 3)), bias])
    assert [outputs[name][0].num_cached_tokens for name in ("plain", "biased")] == [0, 0]
    assert (
        generate(engine, [replace(requests[1], request_id="again", expert_bias=bias.copy())])["again"][0].num_cached_tokens == 8
    )
    assert generate(engine, [replace(requests[0], request_id="other")])["other"][0].num_cached_tokens == 8
    assert biases[-1] is None


@pytest.mark.parametrize(
    "bias", [np.zeros((3, 2), np.float32), np.full((2, 3), np.nan, np.float32), np.full((2, 3), -1.1, np.float32)]
)
def test_engine_refuses_an_expert_bias_of_another_model(bias: np.ndarray) -> None:
    engine = make_engine(replace(ROOMY, expert_bias_shape=(2, 3)))
    with pytest.raises(InvalidInput, match=r"must be \(2, 3\) numbers from -1 to 1"):
        engine.add(Request("biased", (1,), GREEDY, expert_bias=bias))
    assert not engine.has_requests


def test_engine_after_an_error_of_the_runner_continues() -> None:
    runner = HashRunner(NUM_TOKENS, ROOMY.num_blocks, ROOMY.block_size)
    engine = Engine(runner, SMALL, ROOMY)
    requests = [Request(str(i), (i, 1), GREEDY) for i in range(3)]
    num_calls = 0

    def fail_sometimes() -> None:
        nonlocal num_calls
        num_calls += 1
        if num_calls % 3 == 0:
            raise RuntimeError("out of memory")

    runner.before_run = fail_sometimes
    for request in requests:
        engine.add(request)
    outputs, num_errors = [], 0
    while engine.has_requests:
        try:
            outputs += engine.step()
        except RuntimeError:
            num_errors += 1
        engine.check_integrity()
    assert num_errors > 0
    for request in requests:
        assert joined([o for o in outputs if o.request_id == request.request_id]) == generate_alone(request, SMALL)


def test_engine_with_logits_that_are_not_numbers_ends_only_that_request() -> None:
    class Broken(HashRunner):
        def run(self, batch):  # type: ignore[no-untyped-def]
            logits = super().run(batch)
            logits[0, 3] = np.nan
            return logits

    engine = Engine(Broken(NUM_TOKENS, ROOMY.num_blocks, ROOMY.block_size), SMALL, ROOMY)
    engine.add(Request("first", (1,), GREEDY))
    engine.add(Request("second", (2,), GREEDY))
    outputs = {output.request_id: output for output in engine.step()}
    assert (outputs["first"].finish_reason, outputs["second"].finish_reason) == ("error", None)
    assert "not finite" in outputs["first"].error


def test_cancel_releases_the_blocks_and_ends_the_request() -> None:
    engine = make_engine(ROOMY)
    engine.add(Request("one", (1, 2, 3, 4, 5), GREEDY))
    engine.step()
    assert engine.num_free_blocks < ROOMY.num_blocks
    assert engine.cancel("one").finish_reason == "abort"
    assert engine.num_free_blocks == ROOMY.num_blocks
    assert not engine.has_requests
    with pytest.raises(NotFound, match="one"):
        engine.cancel("one")


@settings(max_examples=40, deadline=None)
@given(engines(), request_lists())
def test_engine_leaves_less_than_a_block_of_each_sequence_unused(engine: Engine, requests: list[Request]) -> None:
    for request in requests:
        engine.add(request)
    while engine.has_requests:
        engine.step()
        num_running = engine.metrics.registry.get_sample_value("vllm:num_requests_running")
        assert 0 <= engine.num_unused_slots <= num_running * (engine.config.block_size - 1)


def test_engine_with_many_requests_wastes_less_than_four_percent_of_the_cache() -> None:
    """Mixed lengths of 32 to 640 tokens, blocks of 16: about half a block of each is unused."""
    rng = np.random.default_rng(0)
    config = EngineConfig(num_blocks=600, block_size=16, max_num_seqs=64, max_num_batched_tokens=2048)
    engine = make_engine(config)
    for i in range(40):
        prompt = tuple(rng.integers(0, NUM_TOKENS - 1, rng.integers(32, 640)).tolist())
        engine.add(Request(str(i), prompt, replace(GREEDY, max_tokens=int(rng.integers(8, 24)))))
    shares = []
    while engine.has_requests:
        engine.step()
        if num_used := config.num_blocks - engine.num_free_blocks:
            shares.append(engine.num_unused_slots / (num_used * config.block_size))
    assert np.mean(shares) < 0.04


def test_engine_reports_logprobs_of_the_model() -> None:
    request = Request(
        "one", (1, 2), SamplingParams(max_tokens=3, temperature=0.5, top_k=2, seed=1, logprobs=NUM_TOKENS, ignore_eos=True)
    )
    for output in generate(make_engine(ROOMY), [request])["one"]:
        (entry,) = output.logprobs
        top = dict(entry.top)
        assert entry.token_id == output.token_ids[0]
        assert entry.logprob == top[entry.token_id]
        assert sum(np.exp(list(top.values()))) == pytest.approx(1)
        assert list(top.values()) == sorted(top.values(), reverse=True)


def test_engine_reports_logprobs_without_the_mask_of_a_grammar() -> None:
    forced = Request("forced", (1, 2), SamplingParams(max_tokens=1, logprobs=0, grammar=Choice(("c",))))
    plain = Request("plain", (2, 1), SamplingParams(max_tokens=1, seed=1, logprobs=0))
    for request, outputs in zip((forced, plain), generate(make_engine(ROOMY), [forced, plain]).values(), strict=True):
        (entry,) = outputs[0].logprobs
        logits = logits_of(request.prompt_token_ids, (), NUM_TOKENS).astype(np.float64)
        assert entry.logprob == pytest.approx(logits[entry.token_id] - np.log(np.exp(logits).sum()))


def test_engine_without_a_seed_differs_between_requests() -> None:
    params = SamplingParams(max_tokens=30, temperature=1.5, ignore_eos=True)
    outputs = generate(make_engine(ROOMY), [Request(str(i), (1,), params) for i in range(2)])
    assert joined(outputs["0"]) != joined(outputs["1"])


def test_add_with_bad_input_names_the_cause() -> None:
    engine = make_engine(EngineConfig(num_blocks=4, block_size=4, max_num_seqs=1, max_num_waiting=1))
    with pytest.raises(InvalidInput, match="vocabulary"):
        engine.add(Request("one", (NUM_TOKENS,), GREEDY))
    with pytest.raises(TooLarge, match="at most 16"):
        engine.add(Request("one", (1,) * 9, GREEDY))
    engine.add(Request("one", (1,) * 8, GREEDY))
    with pytest.raises(InvalidInput, match="in use"):
        engine.add(Request("one", (1,), GREEDY))
    with pytest.raises(TooMany, match="max_num_waiting"):
        engine.add(Request("two", (1,), GREEDY))


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        ({"max_tokens": 0}, "max_tokens"), ({"temperature": -0.1}, "temperature"), ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 0.0}, "top_p"), ({"top_p": 1.1}, "top_p"), ({"top_k": -1}, "top_k"), ({"seed": 2**63}, "seed"),
        ({"stop": ("",)}, "stop"),
        ({"stop": ("a" * 1001,)}, "stop"), ({"logprobs": 21}, "logprobs"),
    ],
)  # fmt: skip
def test_sampling_params_out_of_range_are_named(values: dict[str, object], cause: str) -> None:
    with pytest.raises(InvalidInput, match=cause):
        SamplingParams(**values)  # type: ignore[arg-type]


@given(st.integers(0, 3), st.integers(1, 4))
def test_request_with_media_outside_of_the_prompt_is_rejected(start: int, excess: int) -> None:
    media = MediaSpan(start, MEDIA[1])
    Request("fits", (0,) * media.end, media=(media,))
    with pytest.raises(InvalidInput, match="media"):
        Request("short", (0,) * max(1, media.end - excess), media=(media,))


def test_metrics_have_the_names_of_vllm_and_count_tokens() -> None:
    ticks = iter(range(1000))
    metrics = EngineMetrics(clock=lambda: float(next(ticks)))
    engine = Engine(HashRunner(NUM_TOKENS, ROOMY.num_blocks, ROOMY.block_size), SMALL, ROOMY, metrics)
    generate(engine, [Request("one", (1,) * 9, GREEDY)])
    generate(engine, [Request("two", (1,) * 9, GREEDY)])
    value = metrics.registry.get_sample_value
    assert value("vllm:prompt_tokens_total") == value("vllm:prefix_cache_queries_total") == 18
    assert value("vllm:prefix_cache_hits_total") == 8
    assert value("vllm:generation_tokens_total") == 16
    assert value("vllm:time_to_first_token_seconds_count") == value("vllm:request_queue_time_seconds_count") == 2
    assert value("vllm:inter_token_latency_seconds_count") == 14
    assert value("vllm:inter_token_latency_seconds_sum") == 14  # the clock advances at each reading
    assert value("vllm:e2e_request_latency_seconds_count") == 2
    assert value("vllm:request_success_total", {"finished_reason": "length"}) == 2
    assert (value("vllm:num_requests_running"), value("vllm:kv_cache_usage_perc")) == (0, 0)
    assert b"vllm:num_requests_waiting 0.0" in generate_latest(metrics.registry)
