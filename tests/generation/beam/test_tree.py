"""Hypotheses in trees compared with hypotheses in blocks, over the same network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.errors import InvalidInput, TooLarge
from mm.generation import MediaSpan, Request, SamplingParams, Vocabulary
from mm.generation.beam.paged import PagedHypotheses
from mm.generation.beam.search import BeamSearch
from mm.generation.beam.tree import TreeHypotheses
from mm.generation.runners.onnx_runner import OnnxRunner
from mm.models.language.graph.decoder import write_graphs
from mm.models.language.graph.session import OnnxDecoder
from mm.models.language.graph.weight_format import WeightFormat
from tests.models.language.graph.small import DENSE, MOE
from tests.models.language.models import random_weights

ROW_TOKENS = 64
CONFIG = replace(MOE, max_position_embeddings=64)
VOCABULARY = Vocabulary(tuple(bytes([i]) for i in range(CONFIG.vocab_size)), (CONFIG.vocab_size - 1,))
Model = tuple[OnnxDecoder, OnnxDecoder]


@pytest.fixture(scope="module", params=["moe", "dense", "moe int4"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The decoder over sequences, and over trees."""
    folder = tmp_path_factory.mktemp("graphs")
    config = replace(DENSE, max_position_embeddings=64) if request.param == "dense" else CONFIG
    weight_format = WeightFormat("int4", int8_activations=False) if "int4" in request.param else WeightFormat("fp32")
    write_graphs(folder, "small", random_weights(config, 3), config, weight_format)
    return OnnxDecoder(folder, "small"), OnnxDecoder(folder, "small", is_over_trees=True)


def draw_requests(seed: int, count: int, hidden_size: int = CONFIG.hidden_size) -> list[Request]:
    """Prompts of 1 to 12 tokens, some with an image, some with equal beginnings."""
    random, requests = np.random.default_rng(seed), list[Request]()
    for number in range(count):
        num_text, num_image = int(random.integers(0, 5)), int(random.integers(0, 4))
        tokens = [3] * num_text + [0] * num_image + random.integers(0, 60, int(random.integers(1, 4))).tolist()
        image = random.standard_normal((num_image, hidden_size)).astype(np.float32)
        media = (MediaSpan(num_text, image),) if num_image else ()
        requests.append(Request(str(number), tuple(tokens), SamplingParams(max_tokens=int(random.integers(1, 9))), media))
    return requests


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), width=st.integers(1, 5), num_prompts=st.integers(1, 4))
def test_tree_of_random_prompts_equals_blocks(model: Model, seed: int, width: int, num_prompts: int) -> None:
    requests = draw_requests(seed, 7)
    blocks = PagedHypotheses(OnnxRunner(model[0], 512, 1, 1024, 24), 512, 1, width)
    trees = TreeHypotheses(model[1], num_prompts, ROW_TOKENS, width)
    expected, actual = (
        {output.request_id: output.candidates for output in search.generate(requests)}
        for search in (
            BeamSearch(blocks, VOCABULARY, width=width, max_num_prompts=4),
            BeamSearch(trees, VOCABULARY, width=width, max_num_prompts=4),
        )
    )
    assert actual.keys() == expected.keys()
    for name, candidates in expected.items():
        assert [one.token_ids for one in actual[name]] == [one.token_ids for one in candidates]
        assert [one.logprob for one in actual[name]] == pytest.approx([one.logprob for one in candidates], abs=1e-3)


def test_tree_prompts_with_equal_beginnings_compute_them_once(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    trees = TreeHypotheses(model[1], 1, ROW_TOKENS, 2)
    bind = model[1].bind_rows

    def count(memory: np.ndarray) -> object:
        bound = bind(memory)
        forward = bound.forward
        monkeypatch.setattr(bound, "forward", lambda *arguments: counts.append(len(arguments[0])) or forward(*arguments))
        return bound

    monkeypatch.setattr(model[1], "bind_rows", count)
    requests = [Request(str(number), (3,) * 8 + (number,), SamplingParams(max_tokens=1)) for number in range(3)]
    requests.append(replace(requests[0], request_id="other", cache_salt=b"x"))
    assert len(list(BeamSearch(trees, VOCABULARY, width=2).generate(requests))) == 4
    assert counts == [9, 1, 1, 9]


def test_tree_removed_prompt_leaves_the_others_as_they_are(model: Model) -> None:
    requests = [replace(request, params=SamplingParams(max_tokens=6)) for request in draw_requests(5, 3)]
    expected = {o.request_id: o.candidates for o in make_search(model).generate(requests)}
    search = make_search(model)
    for request in requests:
        search.add(request)
    outputs = search.step() + search.step()
    assert search.remove("0") is requests[0]
    while search.requests:
        outputs += search.step()
    assert {output.request_id for output in outputs} == {"1", "2"}
    for output in outputs:
        assert [one.token_ids for one in output.candidates] == [one.token_ids for one in expected[output.request_id]]


def make_search(model: Model) -> BeamSearch:
    return BeamSearch(TreeHypotheses(model[1], 3, ROW_TOKENS, 3), VOCABULARY, width=3)


def test_tree_request_that_does_not_fit_is_refused(model: Model) -> None:
    search, params = make_search(model), SamplingParams(max_tokens=20)
    search.add(Request("fits", (1,) * 7, params))
    with pytest.raises(TooLarge, match="needs 65 places"):
        search.add(Request("long", (1,) * 8, params))
    with pytest.raises(InvalidInput, match="expert bias"):
        search.add(Request("biased", (1,), params, expert_bias=np.zeros((1, 8), np.float32)))
