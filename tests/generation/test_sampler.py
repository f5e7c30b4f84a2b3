"""The sampler, against one row at a time in plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mm.generation import SamplingParams
from mm.generation.sampler import make_row_sampling, sample_tokens, token_logprobs, uniform
from mm.numerics import Float32


def reference_uniform(seed: int, step: int) -> float:
    def mix(value: int) -> int:
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB % 2**64
        return value ^ (value >> 31)

    return (mix((mix(seed) + 0x9E3779B97F4A7C15 * (step + 1)) % 2**64) >> 11) / 2**53


def kept_tokens(logits: list[float], params: SamplingParams) -> dict[int, float]:
    """Probabilities of the tokens that remain after temperature, top-k and top-p."""
    order = sorted(range(len(logits)), key=lambda token: -logits[token])
    if params.top_k and params.top_k < len(logits):
        order = [token for token in order if logits[token] >= logits[order[params.top_k - 1]]]
    weights = {token: math.exp((logits[token] - logits[order[0]]) / params.temperature) for token in order}
    total, share, kept = sum(weights.values()), 0.0, {}
    for token in order:
        if share >= params.top_p and weights[token] < min(kept.values()):
            break
        share += weights[token] / total
        kept[token] = weights[token]
    return {token: weight / sum(kept.values()) for token, weight in kept.items()}


def reference_sample(logits: Float32, params: SamplingParams, seed: int, step: int) -> int:
    if params.temperature == 0:
        return int(np.argmax(logits))
    kept = kept_tokens(logits.tolist(), params)
    target, share = reference_uniform(seed, step), 0.0
    for token in sorted(kept):
        share += kept[token]
        if share > target:
            return token
    return max(kept)


@st.composite
def batches(draw: st.DrawFn) -> tuple[Float32, list[SamplingParams], list[int], list[int]]:
    """Logits without ties, but for those of excluded tokens."""
    num_rows, vocabulary_size = draw(st.integers(1, 6)), draw(st.integers(2, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    logits = (3 * rng.standard_normal((num_rows, vocabulary_size))).astype(np.float32)
    logits[:, 1:][rng.random((num_rows, vocabulary_size - 1)) < draw(st.sampled_from([0.0, 0.4]))] = -np.inf
    params = [
        SamplingParams(
            temperature=draw(st.sampled_from([0.0, 0.3, 1.0, 2.5])),
            top_p=draw(st.floats(0.01, 1.0)),
            top_k=draw(st.integers(0, vocabulary_size + 1)),
        )
        for _ in range(num_rows)
    ]
    seeds = draw(st.lists(st.integers(0, 2**63 - 1), min_size=num_rows, max_size=num_rows))
    return logits, params, seeds, draw(st.lists(st.integers(0, 10**6), min_size=num_rows, max_size=num_rows))


@settings(max_examples=300, deadline=None)
@given(batches())
def test_sampler_equals_the_reference_of_one_row(batch: tuple[Float32, list[SamplingParams], list[int], list[int]]) -> None:
    expected = [reference_sample(*row) for row in zip(*batch, strict=True)]
    logits, params, seeds, steps = batch
    assert sample_tokens(logits, make_row_sampling(params, seeds, steps)).tolist() == expected


@settings(max_examples=100, deadline=None)
@given(batches(), st.randoms())
def test_sampler_gives_a_row_the_same_token_in_any_batch(
    batch: tuple[Float32, list[SamplingParams], list[int], list[int]], random: object
) -> None:
    logits, params, seeds, steps = batch
    together = sample_tokens(logits, make_row_sampling(params, seeds, steps)).tolist()
    order = list(range(len(params)))
    random.shuffle(order)  # type: ignore[attr-defined]
    part = order[: max(1, len(order) // 2)]
    sampling = make_row_sampling([params[i] for i in part], [seeds[i] for i in part], [steps[i] for i in part])
    shuffled = sample_tokens(logits[part], sampling)
    assert shuffled.tolist() == [together[i] for i in part]


@pytest.mark.parametrize("params", [SamplingParams(), SamplingParams(temperature=0.5, top_k=5, top_p=0.9)])
def test_sampler_draws_from_the_distribution(params: SamplingParams) -> None:
    logits = np.random.default_rng(0).standard_normal(8).astype(np.float32)
    count = 20_000
    tokens = sample_tokens(np.tile(logits, (count, 1)), make_row_sampling([params] * count, [7] * count, list(range(count))))
    kept = kept_tokens(logits.tolist(), params)
    observed = np.bincount(tokens, minlength=8)
    assert set(np.flatnonzero(observed)) == set(kept)
    ids = sorted(kept)
    assert stats.chisquare(observed[ids], [count * kept[i] for i in ids]).pvalue > 1e-4


@pytest.mark.parametrize("axis", ["seed", "step"])
def test_uniform_numbers_are_uniform_and_uncorrelated(axis: str) -> None:
    varied, fixed = np.arange(100_000, dtype=np.uint64), np.full(100_000, 3, np.uint64)
    numbers = uniform(varied, fixed) if axis == "seed" else uniform(fixed, varied)
    assert stats.kstest(numbers, "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.015


def test_sampler_with_equal_logits_keeps_or_removes_them_together() -> None:
    logits = np.zeros((500, 4), np.float32)
    logits[:, 3] = -5
    tokens = sample_tokens(logits, make_row_sampling([SamplingParams(top_k=1)] * 500, [1] * 500, list(range(500))))
    assert set(tokens.tolist()) == {0, 1, 2}


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_sampler_of_logits_that_are_not_finite_returns_minus_one(temperature: float) -> None:
    logits = np.array([[0, np.nan], [np.inf, 0], [-np.inf, -np.inf], [-np.inf, 2]], np.float32)
    sampling = make_row_sampling([SamplingParams(temperature=temperature)] * 4, [1] * 4, [0] * 4)
    assert sample_tokens(logits, sampling).tolist() == [-1, -1, -1, 1]


def test_logprobs_equal_the_log_softmax_and_order_ties_by_token() -> None:
    logits = np.array([0.0, 2.0, 2.0, -np.inf, 1.0], np.float32)
    entry = token_logprobs(logits, 4, 3)
    total = math.log(1 + 2 * math.exp(2) + math.exp(1))
    assert [token for token, _ in entry.top] == [1, 2, 4]
    assert entry.logprob == pytest.approx(1 - total)
    assert entry.top[0][1] == pytest.approx(2 - total)
