"""Beam search equals its definition, without a cache and one prompt at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.errors import Corrupt, InvalidInput, TooLarge
from mm.generation import BeamOutput, BeamSearch, Engine, EngineConfig, Request, SamplingParams, StepBatch
from mm.generation.beam.paged import PagedHypotheses
from mm.numerics import Float32
from tests.generation.hash_model import SMALL, HashRunner, logits_of
from tests.generation.requests import generate, joined, prompts

BLOCK_SIZE = 4
END = SMALL.eos_token_ids[0]


def make_hypotheses(num_blocks: int = 200, block_size: int = BLOCK_SIZE, width: int = 3) -> PagedHypotheses:
    return PagedHypotheses(HashRunner(len(SMALL), num_blocks, block_size), num_blocks, block_size, width)


def make_search(num_blocks: int = 200, block_size: int = BLOCK_SIZE, width: int = 3, **options: float) -> BeamSearch:
    return BeamSearch(make_hypotheses(num_blocks, block_size, width), SMALL, width=width, **options)  # type: ignore[arg-type]


def search_alone(request: Request, width: int, length_penalty: float) -> list[tuple[tuple[int, ...], bool, float]]:
    """The definition: all continuations of all hypotheses, the best ones kept."""
    beam: list[tuple[float, list[int]]] = [(0.0, [])]
    for _ in range(request.params.max_tokens):
        candidates: list[tuple[float, list[int]]] = []
        for total, tokens in beam:
            if END in tokens:
                candidates.append((total, tokens))
                continue
            logits = logits_of([*request.prompt_token_ids, *tokens], request.media, len(SMALL)).astype(np.float64)
            logprobs = logits - np.log(np.exp(logits).sum())
            candidates += [(total + logprobs[token], [*tokens, token]) for token in range(len(SMALL))]
        beam = sorted(candidates, key=lambda candidate: -candidate[0])[:width]
    beam.sort(key=lambda entry: -entry[0] / len(entry[1]) ** length_penalty)
    return [
        (tuple(token for token in tokens if token != END), END in tokens, float(total) / len(tokens)) for total, tokens in beam
    ]


@st.composite
def beam_requests(draw: st.DrawFn) -> list[Request]:
    requests = []
    for number in range(draw(st.integers(1, 5))):
        tokens, media = draw(prompts())
        requests.append(Request(str(number), tokens, SamplingParams(max_tokens=draw(st.integers(1, 6))), media))
    return requests


@given(
    beam_requests(),
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.7, 1.0]),
)
def test_beam_search_of_many_prompts_finds_what_its_definition_finds(
    requests: list[Request], width: int, block_size: int, max_num_prompts: int, length_penalty: float
) -> None:
    hypotheses = make_hypotheses(200, block_size, width)
    search = BeamSearch(hypotheses, SMALL, width=width, max_num_prompts=max_num_prompts, length_penalty=length_penalty)
    outputs = {output.request_id: output for output in search.generate(requests)}
    for request in requests:
        output = outputs[request.request_id]
        found = [(candidate.token_ids, candidate.is_complete) for candidate in output.candidates]
        expected = search_alone(request, width, length_penalty)
        assert found == [(tokens, is_complete) for tokens, is_complete, _ in expected]
        logprobs = [candidate.mean_logprob for candidate in output.candidates]
        assert logprobs == pytest.approx([mean_logprob for *_, mean_logprob in expected], abs=1e-6)
    assert hypotheses.num_free_blocks == 200


def test_beam_search_of_width_one_equals_greedy_decoding_of_the_engine() -> None:
    params = SamplingParams(max_tokens=8, temperature=0.0)
    requests = [Request(str(number), (1, 2, number), params) for number in range(4)]
    engine = Engine(HashRunner(len(SMALL), 100, BLOCK_SIZE), SMALL, EngineConfig(num_blocks=100, block_size=BLOCK_SIZE))
    greedy = {request_id: joined(outputs)[0] for request_id, outputs in generate(engine, requests).items()}
    outputs = {output.request_id: [*output.best.token_ids] for output in make_search(width=1).generate(requests)}
    assert outputs == {request_id: [token for token in tokens if token != END] for request_id, tokens in greedy.items()}


def test_beam_search_with_little_room_computes_fewer_prompts_at_once() -> None:
    requests = [Request(str(number), (1, number, 2, 3, 4), SamplingParams(max_tokens=6)) for number in range(6)]
    expected = {output.request_id: output for output in make_search().generate(requests)}
    search = make_search(num_blocks=8)  # one prompt of 5 tokens: 1 shared block, 2 for each of 3 hypotheses
    assert {output.request_id: output for output in search.generate(requests)} == expected
    with pytest.raises(TooLarge, match="needs 10 blocks"):
        list(search.generate([replace(requests[0], params=SamplingParams(max_tokens=8))]))


def test_beam_search_computes_a_common_prefix_once() -> None:
    runner = HashRunner(len(SMALL), 100, BLOCK_SIZE)
    search = BeamSearch(PagedHypotheses(runner, 100, BLOCK_SIZE, 1), SMALL, width=1)
    prefix = (3,) * 40
    requests = [Request(str(number), (*prefix, number), SamplingParams(max_tokens=1)) for number in range(4)]
    assert len(list(search.generate(requests))) == 4
    assert runner.calls == [(41, 1), (3, 3)]


def test_beam_search_that_is_not_read_to_its_end_releases_its_blocks() -> None:
    hypotheses = make_hypotheses()
    search = BeamSearch(hypotheses, SMALL)
    requests = [Request(str(number), (1, number), SamplingParams(max_tokens=4 + 2 * number)) for number in range(4)]
    outputs = search.generate(requests)
    assert isinstance(next(outputs), BeamOutput)
    outputs.close()  # type: ignore[attr-defined]
    assert hypotheses.num_free_blocks == 200


def test_beam_search_with_logits_that_are_not_numbers_names_the_cause() -> None:
    class Broken(HashRunner):
        def run(self, batch: StepBatch) -> Float32:
            return np.full_like(super().run(batch), np.nan)

    hypotheses = PagedHypotheses(Broken(len(SMALL), 100, BLOCK_SIZE), 100, BLOCK_SIZE, 3)
    search = BeamSearch(hypotheses, SMALL)
    with pytest.raises(Corrupt, match="not finite"):
        list(search.generate([Request("one", (1, 2), SamplingParams(max_tokens=4))]))
    assert hypotheses.num_free_blocks == 100


def test_beam_search_without_hypotheses_is_rejected() -> None:
    with pytest.raises(InvalidInput, match="at least 1"):
        make_search(width=0)
