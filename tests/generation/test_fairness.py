"""Service of two keys."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from mm.generation import EngineConfig, Request, SamplingParams
from mm.generation.fairness import TokenCounters
from tests.generation.requests import make_engine

PARAMS = SamplingParams(max_tokens=10, temperature=0.0, ignore_eos=True)
CONFIG = EngineConfig(num_blocks=30, block_size=4, max_num_seqs=4, max_num_batched_tokens=16)


@dataclass
class Served:
    """Computed tokens of each key, and the step at which each request ended."""

    tokens: dict[str, int]
    ends: dict[str, int]


def serve_until_a_key_has_none_waiting(requests: list[Request], config: EngineConfig = CONFIG) -> tuple[Served, int]:
    """Tokens that each key received while both had waiting requests, and the longest prompt.

    No prompts share a prefix, so that every token of a started request is computed for it.
    """
    engine = make_engine(config)
    for request in requests:
        engine.add(request)
    by_id = {request.request_id: request for request in requests}
    unstarted = set(by_id)
    served = Served(dict.fromkeys((request.key for request in requests), 0), {})
    step = 0
    is_contended = True
    while engine.has_requests:
        outputs = engine.step()
        step += 1
        for output in outputs:
            request = by_id[output.request_id]
            if output.finish_reason:
                served.ends[output.request_id] = step
            if is_contended:
                first = len(request.prompt_token_ids) if output.request_id in unstarted else 1
                served.tokens[request.key] += first
            unstarted.discard(output.request_id)
        is_contended = is_contended and len({by_id[i].key for i in unstarted}) == len(served.tokens)
    return served, max(len(request.prompt_token_ids) for request in requests)


def distinct_prompt(number: int, length: int) -> tuple[int, ...]:
    return tuple((number >> (3 * i)) % 8 for i in range(4)) + (9,) * (length - 4)


def test_requests_of_a_second_key_do_not_wait_for_those_of_the_first() -> None:
    flood = [Request(f"a{i}", distinct_prompt(i, 8), PARAMS, key="a") for i in range(60)]
    few = [Request(f"b{i}", distinct_prompt(100 + i, 8), PARAMS, key="b") for i in range(6)]
    fair, _ = serve_until_a_key_has_none_waiting(flood + few)
    one_key, _ = serve_until_a_key_has_none_waiting(flood + [replace(request, key="a") for request in few])
    last_few = max(fair.ends[request.request_id] for request in few)
    num_before = sum(fair.ends[request.request_id] < last_few for request in flood)
    assert num_before <= 12  # as many as the six, and those that were running
    assert max(one_key.ends[request.request_id] for request in few) == max(one_key.ends.values())


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(4, 30), min_size=25, max_size=40), st.lists(st.integers(4, 30), min_size=25, max_size=40))
def test_services_of_two_waiting_keys_differ_by_a_bounded_amount(first: list[int], second: list[int]) -> None:
    """The bound of Sheng et al. 2024, theorem 4.4, with equal weights of prompt and output. In the
    order of arrival, the first key would receive all of its service, over 350 tokens, before."""
    sizes = [("a", length) for length in first] + [("b", length) for length in second]
    requests = [Request(str(i), distinct_prompt(i, length), PARAMS, key=key) for i, (key, length) in enumerate(sizes)]
    served, longest_prompt = serve_until_a_key_has_none_waiting(requests)
    assert abs(served.tokens["a"] - served.tokens["b"]) <= 2 * max(longest_prompt, CONFIG.num_blocks * CONFIG.block_size)


def test_key_that_joins_an_empty_queue_begins_at_the_counter_of_the_key_that_left() -> None:
    counters = TokenCounters()
    counters.join("a", ())
    counters.charge("a", 100)
    counters.leave("a")
    counters.join("b", ())
    assert counters["b"] == counters["a"] == 100


def test_key_that_returns_has_not_saved_up_service() -> None:
    """A key that used little before receives no more than its half now."""
    engine = make_engine(CONFIG)
    for i in range(40):
        engine.add(Request(f"a{i}", distinct_prompt(i, 8), PARAMS, key="a"))
    num_ended_before = 0
    while num_ended_before < 20:
        num_ended_before += sum(output.finish_reason is not None for output in engine.step())
    for i in range(20):
        engine.add(Request(f"b{i}", distinct_prompt(100 + i, 8), PARAMS, key="b"))
    num_ended = {"a": 0, "b": 0}
    while sum(num_ended.values()) < 20:
        for output in engine.step():
            num_ended[output.request_id[0]] += output.finish_reason is not None
    assert min(num_ended.values()) >= 7
