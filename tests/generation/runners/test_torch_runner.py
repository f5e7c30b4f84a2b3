"""The torch runner on a CPU compared with the NumPy reference, with references and with kernels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.errors import InvalidInput
from mm.generation import Engine, Request, SamplingParams, Vocabulary
from mm.generation.request import TokenLogprobs
from mm.generation.runner import SamplingRunner
from mm.generation.runners import torch_model
from mm.generation.runners.torch_ops import make_kernel_ops
from mm.generation.runners.torch_runner import TorchRunner
from mm.generation.runners.torch_sampler import sample_tokens as sample_in_torch
from mm.generation.sampler import make_row_sampling, sample_tokens
from mm.models.language.config import LanguageConfig
from tests.generation.requests import generate, joined, sampling_params
from tests.generation.runners.schedules import SIZES, compare_on_random_schedule
from tests.kernels import interpreted  # noqa: F401  (kernels in the interpreter)
from tests.models.language.models import DENSE, MOE, random_weights

seeds = st.integers(0, 2**31)


@settings(max_examples=8)
@given(seed=seeds, config=st.sampled_from([DENSE, MOE]))
def test_torch_runner_equals_the_reference_on_random_schedules(seed: int, config: LanguageConfig) -> None:
    weights = random_weights(config, seed % 1000)
    compare_on_random_schedule(
        seed, config, weights, TorchRunner(config, weights, SIZES.num_blocks, SIZES.block_size, precision="fp32")
    )


def test_torch_runner_with_kernels_equals_the_reference() -> None:
    weights = random_weights(MOE)
    runner = TorchRunner(
        MOE, weights, SIZES.num_blocks, SIZES.block_size, precision="fp32", ops=make_kernel_ops(torch.device("cpu"))
    )
    compare_on_random_schedule(int(np.random.default_rng().integers(2**31)), MOE, weights, runner, max_requests=2)


def test_torch_runner_with_all_experts_computed_equals_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_model, "MAX_SPARSE_TOKENS", 0)
    weights = random_weights(MOE, 5)
    runner = TorchRunner(MOE, weights, SIZES.num_blocks, SIZES.block_size, precision="fp32")
    compare_on_random_schedule(5, MOE, weights, runner)


@pytest.mark.parametrize("num_slots", [3, 9, 40])
def test_torch_runner_with_experts_in_host_memory_equals_the_reference(num_slots: int) -> None:
    weights = random_weights(MOE, 4)
    runner = TorchRunner(
        MOE,
        weights,
        SIZES.num_blocks,
        SIZES.block_size,
        precision="fp32",
        num_expert_slots=num_slots,
        is_prefetching=num_slots > 3,
    )
    compare_on_random_schedule(int(np.random.default_rng().integers(2**31)), MOE, weights, runner)


@pytest.mark.parametrize(("precision", "tolerance"), [("fp16", 0.1), ("int8", 0.3), ("int4", 2.0)])
def test_torch_runner_in_lower_precisions_is_near_the_reference(precision: torch_model.Precision, tolerance: float) -> None:
    weights = random_weights(MOE, 3)
    for name, values in weights.items():
        weights[name] = values if name.endswith(("norm.weight", "bias")) else values * 0.5
    runner = TorchRunner(MOE, weights, SIZES.num_blocks, SIZES.block_size, precision=precision)
    compare_on_random_schedule(3, MOE, weights, runner, tolerance, has_expert_bias=False)


def test_torch_runner_with_precise_matrices_is_nearer_the_reference() -> None:
    weights = {name: value * (1.0 if value.ndim < 2 else 0.5) for name, value in random_weights(DENSE, 3).items()}
    weights = {name: value.astype(np.float32) for name, value in weights.items()}
    matrices = [name for name in weights if name.endswith("_proj.weight")]
    runner = TorchRunner(DENSE, weights, SIZES.num_blocks, SIZES.block_size, precision="int4", precise=matrices)
    compare_on_random_schedule(3, DENSE, weights, runner, 0.3, has_expert_bias=False)


def test_torch_runner_refuses_an_unknown_precision() -> None:
    with pytest.raises(InvalidInput, match="fp16, bf16, int8, int4"):
        TorchRunner(DENSE, random_weights(DENSE), 1, 1, precision="int2")  # type: ignore[arg-type]


@settings(max_examples=30)
@given(seed=seeds, rows=st.lists(sampling_params(), min_size=1, max_size=5), num_tokens=st.integers(2, 40))
def test_sampling_in_torch_equals_sampling_in_numpy(seed: int, rows: list[SamplingParams], num_tokens: int) -> None:
    random = np.random.default_rng(seed)
    logits = random.standard_normal((len(rows), num_tokens)).astype(np.float32) * 3
    logits[random.random(logits.shape) < 0.2] = 1.5  # equal logits
    row_seeds, steps = random.integers(0, 2**63, len(rows)).tolist(), random.integers(0, 9, len(rows)).tolist()
    sampling = make_row_sampling(rows, row_seeds, steps)
    expected = sample_tokens(logits, sampling)
    computed = sample_in_torch(torch.from_numpy(logits), sampling)
    np.testing.assert_array_equal(computed.numpy(), expected)


def test_sampling_in_torch_of_logits_that_are_not_finite_is_minus_one() -> None:
    logits = torch.tensor([[0.0, torch.nan], [torch.inf, 0.0], [-torch.inf, -torch.inf], [-torch.inf, 2.0]])
    for temperature in (0.0, 1.0):
        sampling = make_row_sampling([SamplingParams(temperature=temperature)] * 4, [1] * 4, [0] * 4)
        assert sample_in_torch(logits, sampling).tolist() == [-1, -1, -1, 1]


def test_engine_with_a_sampling_runner_generates_what_it_does_without() -> None:
    weights = random_weights(MOE, 9)
    vocabulary = Vocabulary(tuple(bytes([i]) for i in range(MOE.vocab_size)), (MOE.vocab_size - 1,))
    requests = [
        Request(str(i), tuple(range(1, 6 + i)), SamplingParams(max_tokens=6, temperature=t, seed=i, logprobs=n, top_k=5))
        for i, (t, n) in enumerate([(0.0, None), (0.9, None), (0.9, 2), (0.0, 1)])
    ]

    class Unsampled:
        """The same runner without `run_and_sample`."""

        def __init__(self, runner: TorchRunner) -> None:
            self.run = runner.run

    results: list[list[tuple[list[int], list[TokenLogprobs]]]] = []
    for wrap in (lambda runner: runner, Unsampled):
        runner = wrap(TorchRunner(MOE, weights, SIZES.num_blocks, SIZES.block_size, precision="fp32"))
        assert isinstance(runner, SamplingRunner) == (not results)
        outputs = generate(Engine(runner, vocabulary, SIZES), requests)
        results.append(
            [(joined(outputs[str(i)])[0], [item for output in outputs[str(i)] for item in output.logprobs]) for i in range(4)]
        )
    for (tokens, logprobs), (expected, expected_logprobs) in zip(*results, strict=True):
        assert tokens == expected
        assert len(logprobs) == len(expected_logprobs)
        for ours, theirs in zip(logprobs, expected_logprobs, strict=True):
            assert ours.token_id == theirs.token_id
            assert abs(ours.logprob - theirs.logprob) < 1e-4
