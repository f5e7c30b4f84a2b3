"""Coefficient of variation and MaxVio of expert use."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.errors import InvalidInput
from mm.metrics.language import ExpertUse, expert_use_report
from mm.metrics.language.expert_use import coefficient_of_variation, max_violation, sampling_floor


def draw_experts(random: np.random.Generator, num_tokens: int, num_layers: int, num_experts: int, num_nulls: int) -> np.ndarray:
    scores = random.random((num_tokens, num_layers, num_experts + num_nulls))
    return np.argsort(scores, axis=2)[..., :3]


def values(use: ExpertUse) -> dict[str, float]:
    return {measure.name: measure.interval.value for measure in expert_use_report("use", use).measures}


def test_cv_and_max_violation_of_known_loads() -> None:
    loads = np.array([[5, 5, 5, 5], [20, 0, 0, 0], [1, 2, 3, 6], [0, 0, 0, 0]])
    assert coefficient_of_variation(loads) == pytest.approx([0, np.sqrt(3), np.sqrt(3.5) / 3, 0])
    assert max_violation(loads) == pytest.approx([0, 3, 1, 0])


def test_cv_of_collapse_onto_one_of_128_experts() -> None:
    """The standard deviation of the shares is then 0.088, their mean 1 / 128."""
    loads = np.zeros((1, 128))
    loads[0, 7] = 1000
    assert (loads / 1000).std() == pytest.approx(0.088, abs=5e-4)
    assert coefficient_of_variation(loads) == pytest.approx([0.088 * 128], rel=5e-3)


def test_sampling_floor_is_the_cv_of_equally_likely_experts() -> None:
    assert sampling_floor(1_000_000, 128) == pytest.approx(0.011, abs=5e-4)
    assert sampling_floor(0, 128) == 0
    loads = np.random.default_rng(5).multinomial(20_000, np.full(64, 1 / 64), size=200)
    assert coefficient_of_variation(loads).mean() == pytest.approx(sampling_floor(20_000, 64), rel=0.03)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 3))
def test_expert_use_counts_as_a_loop_over_tokens(seed: int, num_experts: int, num_layers: int) -> None:
    random = np.random.default_rng(seed)
    use = ExpertUse(num_layers, num_experts, 3)
    loads, real = np.zeros((num_layers, num_experts)), np.zeros((num_layers, 4))
    for group in ("b", "a", "b"):
        for kind in ("caption", "prompt"):
            experts = draw_experts(random, int(random.integers(0, 9)), num_layers, num_experts, 3)
            use.add(group, kind, experts)
            for token in experts if kind == "caption" else ():
                for layer, chosen in enumerate(token):
                    real[layer, sum(expert < num_experts for expert in chosen)] += 1
                    for expert in chosen:
                        if expert < num_experts:
                            loads[layer, expert] += 1
    counted = use.loads(["caption"])
    rows = np.arange(2)
    assert counted.sum(rows).tolist() == loads.tolist()
    assert counted.tokens_GLK.sum(0).tolist() == real.tolist()
    assert counted.experts_per_token(rows) == pytest.approx(real @ np.arange(4) / np.maximum(real.sum(1), 1))
    both = use.loads()
    assert both.loads_GLE.sum() == use.loads(["caption"]).loads_GLE.sum() + use.loads(["prompt"]).loads_GLE.sum()


def test_loads_of_repeated_rows_repeat_groups() -> None:
    use = ExpertUse(1, 2, 1)
    use.add("a", "caption", np.array([[[0]], [[0]]]))
    use.add("b", "caption", np.array([[[1]], [[2]]]))
    assert use.loads().sum(np.array([0, 0, 1])).tolist() == [[4, 1]]
    assert use.loads().experts_per_token(np.array([1, 1])) == pytest.approx([0.5])


def test_report_shows_specialization_as_even_use_over_all_and_uneven_use_within_kinds() -> None:
    """Two kinds of tokens use one half of the experts each."""
    random, use = np.random.default_rng(2), ExpertUse(2, 8, 3)
    for group in range(40):
        for kind, first in (("caption", 0), ("question", 4)):
            use.add(str(group), kind, first + draw_experts(random, 50, 2, 4, 0))
    found = values(use)
    assert found["all tokens: CV, mean layer"] < 0.05
    assert found["caption tokens: CV, mean layer"] == pytest.approx(1, abs=0.05)
    assert found["caption tokens: MaxVio, worst layer"] == pytest.approx(1, abs=0.1)
    assert found["all tokens: experts per token, mean layer"] == 3
    assert found["all tokens: assignments per layer"] == 40 * 2 * 50 * 3
    assert found["all tokens: CV of even experts"] == pytest.approx(np.sqrt(7 / 12_000))


def test_report_with_few_assignments_says_so_and_has_worst_layer_above_mean() -> None:
    random, use = np.random.default_rng(3), ExpertUse(3, 8, 3)
    for group in range(5):
        experts = draw_experts(random, 40, 3, 8, 2)
        experts[:, 2] = [0, 1, 9]
        use.add(str(group), "caption", experts)
    report = expert_use_report("dev", use)
    found = {measure.name: measure.interval for measure in report.measures}
    assert "fewer than 1,000,000 assignments" in report.of
    assert found["caption tokens: CV, worst layer"].value == pytest.approx(np.sqrt(3))
    assert found["caption tokens: CV, mean layer"].value < np.sqrt(3) / 2
    assert found["caption tokens: MaxVio, worst layer"].value == 3
    interval = found["caption tokens: experts per token, mean layer"]
    assert 2 < interval.low < interval.value < interval.high < 3


def test_report_of_a_million_assignments_says_nothing_of_few() -> None:
    use = ExpertUse(1, 4, 2)
    use.add("a", "caption", np.tile(np.array([[[0, 1]], [[2, 3]]]), (250_000, 1, 1)))
    report = expert_use_report("dev", use)
    assert report.of == "dev"
    assert {measure.interval.value for measure in report.measures if "tokens: CV, mean" in measure.name} == {0.0}


@pytest.mark.parametrize(
    "experts", [np.zeros((2, 3), int), np.zeros((2, 1, 2), int), np.full((2, 1, 3), -1)], ids=["axes", "top-k", "negative"]
)
def test_expert_use_of_invalid_experts_raises_invalid_input(experts: np.ndarray) -> None:
    with pytest.raises(InvalidInput):
        ExpertUse(1, 4, 3).add("a", "caption", experts)


def test_expert_use_of_unknown_kind_names_the_known() -> None:
    use = ExpertUse(1, 4, 1)
    with pytest.raises(InvalidInput, match="none"):
        use.loads()
    use.add("a", "caption", np.zeros((1, 1, 1), int))
    with pytest.raises(InvalidInput, match="caption"):
        use.loads(["caption", "count"])
    with pytest.raises(InvalidInput):
        ExpertUse(0, 4, 1)
