"""An engine with beams equals the engine and the search that it consists of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.errors import InvalidInput, NotFound, TooLarge, TooMany
from mm.generation import BeamSearch, Engine, EngineConfig, Request, RequestOutput, SamplingParams
from mm.generation.beam.engine import BeamEngine
from mm.generation.beam.paged import PagedHypotheses
from tests.generation.hash_model import SMALL, HashRunner
from tests.generation.requests import generate, joined, prompts

WIDTH, BLOCKS = 3, 120
CONFIG = EngineConfig(60, 4, max_num_seqs=4, max_num_batched_tokens=16, max_num_waiting=4)


def make_search() -> BeamSearch:
    return BeamSearch(PagedHypotheses(HashRunner(len(SMALL), BLOCKS, 1), BLOCKS, 1, WIDTH), SMALL, width=WIDTH, max_num_prompts=2)


def make_engine(config: EngineConfig = CONFIG) -> BeamEngine:
    return BeamEngine(HashRunner(len(SMALL), 60, 4), SMALL, config, WIDTH, make_search)


def make_request(name: str, num_beams: int = WIDTH, tokens: tuple[int, ...] = (1, 2, 3), max_tokens: int = 6) -> Request:
    return Request(name, tokens, SamplingParams(max_tokens, temperature=0.0, num_beams=num_beams))


@given(st.lists(st.tuples(prompts(), st.sampled_from([1, WIDTH]), st.integers(1, 6)), min_size=1, max_size=6))
def test_engine_runs_requests_with_beams_beside_others_as_each_alone(drawn: list[tuple]) -> None:
    requests = [
        Request(str(number), tokens, SamplingParams(max_tokens, temperature=0.0, num_beams=num_beams), media)
        for number, ((tokens, media), num_beams, max_tokens) in enumerate(drawn)
    ]
    engine = make_engine(replace(CONFIG, max_num_waiting=10))
    outputs = generate(engine, requests)
    for request in requests:
        received = outputs[request.request_id]
        if request.params.num_beams == 1:
            alone = generate(Engine(HashRunner(len(SMALL), 60, 4), SMALL, CONFIG), [request])[request.request_id]
            assert joined(received) == joined(alone)
            continue
        (output,) = received
        (expected,) = make_search().generate([request])
        assert [candidate.mean_logprob for candidate in output.candidates] == pytest.approx(
            [candidate.mean_logprob for candidate in expected.candidates]
        )
        assert output.token_ids == expected.best.token_ids
        assert output.text == output.candidates[0].text
        assert output.finish_reason == ("stop" if expected.best.is_complete else "length")
        assert (output.num_prompt_tokens, output.num_output_tokens) == (len(request.prompt_token_ids), len(output.token_ids))
    assert not engine.has_requests
    assert engine.num_free_blocks == 60


def test_engine_cancels_a_request_with_beams_that_runs_or_waits() -> None:
    engine = make_engine()
    for name in ("a", "b", "c"):
        engine.add(make_request(name))
    engine.step()
    for name in ("c", "a"):
        assert engine.cancel(name).finish_reason == "abort"
        with pytest.raises(NotFound):
            engine.cancel(name)
    outputs: list[RequestOutput] = []
    while engine.has_requests:
        outputs += engine.step()
    assert [output.request_id for output in outputs] == ["b"]
    again = generate(engine, [make_request("a")])["a"]
    assert again[0].candidates == generate(make_engine(), [make_request("a")])["a"][0].candidates


@pytest.mark.parametrize(
    "params",
    [
        SamplingParams(4, temperature=0.0, num_beams=WIDTH + 1),
        SamplingParams(4, num_beams=WIDTH),
        SamplingParams(4, temperature=0.0, num_beams=WIDTH, stop=("a",)),
        SamplingParams(4, temperature=0.0, num_beams=WIDTH, logprobs=0),
    ],
)
def test_engine_refuses_beams_with_other_parameters(params: SamplingParams) -> None:
    with pytest.raises(InvalidInput, match="A beam search has 3 beams"):
        make_engine().add(Request("a", (1, 2), params))


def test_engine_refuses_a_used_id_and_too_many_and_too_long_requests_with_beams() -> None:
    engine = make_engine()
    for name in "abcd":
        engine.add(make_request(name))
    for num_beams in (1, WIDTH):
        with pytest.raises(InvalidInput, match="in use"):
            engine.add(make_request("a", num_beams))
    with pytest.raises(TooMany):
        engine.add(make_request("e"))
    with pytest.raises(TooLarge):
        make_engine().add(make_request("a", tokens=(1,) * 30, max_tokens=60))


def test_engine_without_search_refuses_beams() -> None:
    with pytest.raises(InvalidInput, match="no beam search"):
        Engine(HashRunner(len(SMALL), 60, 4), SMALL, CONFIG).add(make_request("a"))


def test_engine_whose_search_computes_no_numbers_ends_its_requests_with_the_error() -> None:
    class BrokenRunner(HashRunner):
        def run(self, batch):
            return np.full_like(super().run(batch), np.nan)

    def make_broken_search() -> BeamSearch:
        return BeamSearch(PagedHypotheses(BrokenRunner(len(SMALL), BLOCKS, 1), BLOCKS, 1, WIDTH), SMALL, width=WIDTH)

    engine = BeamEngine(HashRunner(len(SMALL), 60, 4), SMALL, CONFIG, WIDTH, make_broken_search)
    outputs = generate(engine, [make_request("a"), make_request("b"), make_request("c", 1)])
    for name in "ab":
        assert (outputs[name][0].finish_reason, outputs[name][0].error) == (
            "error",
            "The logits of the language model are not finite.",
        )
    assert joined(outputs["c"]) == joined(generate(make_engine(), [make_request("c", 1)])["c"])
