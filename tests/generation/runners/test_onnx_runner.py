"""The ONNX runner compared with the reference on random schedules, and what its lanes copy."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.errors import Corrupt, InvalidInput
from mm.generation import Engine, EngineConfig, Request, SamplingParams, Vocabulary
from mm.generation.beam.paged import PagedHypotheses
from mm.generation.beam.search import BeamSearch
from mm.generation.runners.onnx_runner import OnnxRunner
from mm.generation.runners.paged_cache import PagedCache
from mm.generation.runners.reference_runner import ReferenceRunner
from mm.models.language.graph.decoder import write_graphs
from mm.models.language.graph.session import OnnxDecoder
from mm.models.language.graph.weight_format import WeightFormat
from tests.generation.requests import generate
from tests.generation.runners.schedules import SIZES, ComparingRunner, compare_on_random_schedule
from tests.models.language.graph.small import DENSE, MOE, round_to
from tests.models.language.models import random_weights

EXACT_INT4 = WeightFormat("int4", int8_activations=False)
CONFIG = replace(MOE, max_position_embeddings=64)
VOCABULARY = Vocabulary(tuple(bytes([i]) for i in range(CONFIG.vocab_size)), (CONFIG.vocab_size - 1,))


@pytest.fixture(scope="module", params=["moe fp32", "moe int4", "dense fp32"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[OnnxDecoder, dict[str, np.ndarray]]:
    """A decoder, and the weights that it computes with."""
    folder = tmp_path_factory.mktemp("graphs")
    config = replace(DENSE, max_position_embeddings=64) if "dense" in request.param else CONFIG
    weight_format = EXACT_INT4 if "int4" in request.param else WeightFormat("fp32")
    weights = random_weights(config, 3)
    write_graphs(folder, "small", weights, config, weight_format)
    return OnnxDecoder(folder, "small"), round_to(weights, weight_format)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), num_lane_tokens=st.sampled_from([64, 120, 1024]), capacity=st.sampled_from([8, 24, 64]))
def test_runner_on_a_random_schedule_equals_the_reference(model, seed: int, num_lane_tokens: int, capacity: int) -> None:
    decoder, weights = model
    runner = OnnxRunner(decoder, SIZES.num_blocks, SIZES.block_size, num_lane_tokens, capacity)
    compare_on_random_schedule(seed, decoder.config, weights, runner, tolerance=2e-3)
    assert runner.num_lane_tokens <= num_lane_tokens


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_runner_in_a_beam_search_equals_the_reference(model, seed: int) -> None:
    """Hypotheses fork: they share blocks, and compute parts of blocks again."""
    decoder, weights = model
    random = np.random.default_rng(seed)
    reference = ReferenceRunner(decoder.config, weights, 64, 4)
    runner = ComparingRunner(reference, OnnxRunner(decoder, 64, 4, 1024, 16), 2e-3)
    search = BeamSearch(PagedHypotheses(runner, 64, 4, 3), VOCABULARY, width=3, max_num_prompts=3)
    params = SamplingParams(max_tokens=10)
    requests = [Request(str(i), tuple(random.integers(0, 60, 5 + i % 2).tolist()), params) for i in range(4)]
    assert len(list(search.generate(requests))) == 4
    assert runner.num_steps >= 10


def test_runner_in_a_beam_search_copies_few_tokens_for_a_branch(model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A branch takes a row of its own prompt: of the rows of two prompts, only the ends differ."""
    decoder, _ = model
    copied: list[int] = []
    list_slots = PagedCache.list_slots

    def record(pages: PagedCache, table: np.ndarray, first: int, last: int) -> np.ndarray:
        copied.append(last - first)
        return list_slots(pages, table, first, last)

    search = BeamSearch(PagedHypotheses(OnnxRunner(decoder, 256, 1, 1024, 24), 256, 1, 4), VOCABULARY, width=4, max_num_prompts=2)
    random = np.random.default_rng(0)
    requests = [Request(str(i), tuple(random.integers(0, 60, 12).tolist()), SamplingParams(max_tokens=10)) for i in range(2)]
    monkeypatch.setattr(PagedCache, "list_slots", record)
    assert len(list(search.generate(requests))) == 2
    assert sum(count >= 12 for count in copied) <= 2 + 8, "each prompt once, and once for each of its hypotheses"


class RepeatingRunner:
    """Runs each batch twice, and requires the same logits."""

    def __init__(self, runner: OnnxRunner) -> None:
        self.runner = runner

    def run(self, batch):
        first, second = self.runner.run(batch), self.runner.run(batch)
        np.testing.assert_allclose(second, first, atol=1e-4)
        return second


def test_runner_with_the_same_batch_again_returns_the_same(model) -> None:
    decoder, weights = model
    runner = RepeatingRunner(OnnxRunner(decoder, SIZES.num_blocks, SIZES.block_size, 128, 16))
    compare_on_random_schedule(7, decoder.config, weights, runner, tolerance=2e-3)


def test_runner_that_generates_copies_only_new_tokens_from_its_lanes(model) -> None:
    """What the paged cache holds is not read while sequences stay in their rows."""
    decoder, _ = model
    runner = OnnxRunner(decoder, 24, 4, 128, 16)
    engine = Engine(runner, VOCABULARY, EngineConfig(24, 4, max_num_seqs=4))
    params = SamplingParams(max_tokens=6, temperature=0, ignore_eos=True)
    requests = [Request(str(i), (1 + i, 2, 3), params) for i in range(3)]
    expected = generate(Engine(OnnxRunner(decoder, 24, 4, 128, 16), VOCABULARY, engine.config), requests)
    for request in requests:
        engine.add(request)
    outputs = engine.step() + engine.step()
    while engine.has_requests:
        runner._pages.memory[:] = np.nan
        outputs += engine.step()
    tokens = {name: [token for output in of for token in output.token_ids] for name, of in expected.items()}
    for request in requests:
        assert [t for o in outputs if o.request_id == request.request_id for t in o.token_ids] == tokens[request.request_id]


def test_runner_reads_a_shared_prefix_from_the_paged_cache(model) -> None:
    decoder, _ = model
    engine = Engine(OnnxRunner(decoder, 24, 4, 128, 16), VOCABULARY, EngineConfig(24, 4, max_num_seqs=4))
    prompt, params = tuple(range(1, 14)), SamplingParams(max_tokens=3, temperature=0, ignore_eos=True)
    first = generate(engine, [Request("first", prompt, params)])["first"]
    generate(engine, [Request("other", prompt[::-1], params)])
    again = generate(engine, [Request("again", prompt, params)])["again"]
    assert again[0].num_cached_tokens == 12
    assert [output.token_ids for output in again] == [output.token_ids for output in first]


def test_runner_without_room_for_the_longest_sequence_is_refused(model) -> None:
    with pytest.raises(InvalidInput, match="room for 32 tokens; a sequence of 64 needs 64"):
        OnnxRunner(model[0], 24, 4, 32)


class ReplacingRunner:
    """Replaces the decoder by another one from the fourth step on."""

    def __init__(self, runner: OnnxRunner, replacement: OnnxDecoder) -> None:
        self.runner, self.replacement, self.num_steps = runner, replacement, 0
        self.loading: Future[OnnxDecoder] = Future()
        runner.replace_decoder(self.loading)

    def run(self, batch):
        self.num_steps += 1
        if self.num_steps == 4:
            self.loading.set_result(self.replacement)
        logits = self.runner.run(batch)
        assert (self.runner.decoder is self.replacement) == (self.num_steps >= 4)
        return logits


def test_runner_continues_with_a_decoder_that_was_loaded_meanwhile(tmp_path: Path) -> None:
    """First with mapped experts, then with those in the layout of the processor."""
    weights = random_weights(CONFIG, 5)
    write_graphs(tmp_path, "small", weights, CONFIG, EXACT_INT4)
    mapped, packed = (OnnxDecoder(tmp_path, "small", are_experts_mapped=of) for of in (True, False))
    runner = ReplacingRunner(OnnxRunner(mapped, SIZES.num_blocks, SIZES.block_size, 1024, 16), packed)
    compare_on_random_schedule(11, CONFIG, round_to(weights, EXACT_INT4), runner, tolerance=2e-3)


def test_runner_whose_decoder_cannot_be_replaced_raises_the_error(model) -> None:
    runner = OnnxRunner(model[0], 24, 4, 128)
    loading: Future[OnnxDecoder] = Future()
    loading.set_exception(Corrupt("no graph"))
    runner.replace_decoder(loading)
    with pytest.raises(Corrupt, match="no graph"):
        generate(
            Engine(runner, VOCABULARY, EngineConfig(24, 4, max_num_seqs=4)), [Request("one", (1,), SamplingParams(max_tokens=1))]
        )
