"""The NumPy reference: equal to transformers, cache and prefixes, router, invalid inputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import Glm4MoeConfig, Glm4MoeForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from mm.errors import Corrupt, InvalidInput
from mm.models.language import network_torch
from mm.models.language.config import LanguageConfig
from mm.models.language.reference.attention import KVCache, attend
from mm.models.language.reference.moe import apply_experts
from mm.models.language.reference.network import compute_logits, embed_tokens, forward
from mm.models.language.reference.rotary import compute_rotations
from mm.models.language.reference.router import Routing, route
from mm.models.language.reference.swiglu import swiglu
from mm.models.language.upcycling import add_experts
from mm.models.language.weights import check_weights
from tests.models.language.models import DENSE, MOE, random_weights


def logits_of(config: LanguageConfig, weights: dict[str, np.ndarray], ids: list[int]) -> np.ndarray:
    output = forward(config, weights, embed_tokens(config, weights, ids), KVCache.allocate(config, len(ids)))
    return compute_logits(weights, output.hidden_LW)


def tokens(config: LanguageConfig, count: int, seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).integers(0, config.vocab_size, count).tolist()


def to_transformers_config(config: LanguageConfig) -> LlamaConfig | Glm4MoeConfig:
    shared = {
        name: getattr(config, name)
        for name in (
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "num_key_value_heads",
            "intermediate_size",
            "vocab_size",
            "max_position_embeddings",
            "rms_norm_eps",
        )
    } | {"tie_word_embeddings": True, "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta}}
    if not config.num_experts:
        return LlamaConfig(**shared)
    shared["rope_parameters"]["partial_rotary_factor"] = 1.0
    return Glm4MoeConfig(
        **shared,
        head_dim=config.head_dim,
        partial_rotary_factor=1.0,
        n_routed_experts=config.num_routed,
        num_experts_per_tok=config.num_experts_per_tok,
        n_shared_experts=config.shared_intermediate_size // config.moe_intermediate_size,
        moe_intermediate_size=config.moe_intermediate_size,
        first_k_dense_replace=config.first_k_dense_replace,
        num_mtp_layers=0,
    )


def to_transformers(config: LanguageConfig, weights: dict[str, np.ndarray]) -> LlamaForCausalLM | Glm4MoeForCausalLM:
    """The model of transformers with these weights; null experts become experts of zeros."""
    model = (Glm4MoeForCausalLM if config.num_experts else LlamaForCausalLM)(to_transformers_config(config))
    padded = {
        name: np.concatenate([value, np.zeros((config.num_null_experts, *value.shape[1:]), np.float32)])
        if ".experts." in name
        else value
        for name, value in weights.items()
    }
    loaded = model.load_state_dict({name: torch.tensor(value) for name, value in padded.items()}, strict=False)
    assert (loaded.missing_keys, loaded.unexpected_keys) in ([], []) or loaded.missing_keys == ["lm_head.weight"]
    model.tie_weights()
    return model.eval()


@pytest.mark.parametrize("config", [DENSE, MOE, replace(MOE, num_null_experts=0, num_shared_experts=2)])
def test_reference_logits_equal_transformers(config: LanguageConfig) -> None:
    weights, ids = random_weights(config), tokens(config, 40)
    with torch.inference_mode():
        expected = to_transformers(config, weights)(torch.tensor([ids])).logits[0].numpy()
    np.testing.assert_allclose(logits_of(config, weights, ids), expected, atol=1e-4)
    assert expected.std() > 0.5


@settings(max_examples=20, deadline=None)
@given(splits=st.lists(st.integers(1, 9), min_size=1, max_size=6), config=st.sampled_from([DENSE, MOE]), seed=st.integers(0, 99))
def test_reference_with_a_cache_in_any_steps_equals_one_step(splits: list[int], config: LanguageConfig, seed: int) -> None:
    weights, ids = random_weights(config, seed), tokens(config, sum(splits), seed)
    cache, start, parts = KVCache.allocate(config, 60), 0, []
    for count in splits:
        parts.append(forward(config, weights, embed_tokens(config, weights, ids[start : start + count]), cache).hidden_LW)
        start += count
    assert cache.length == len(ids)
    np.testing.assert_allclose(compute_logits(weights, np.concatenate(parts)), logits_of(config, weights, ids), atol=1e-4)


def test_reference_with_prefix_embeddings_equals_their_tokens_and_they_change_the_logits() -> None:
    weights, ids = random_weights(DENSE), tokens(DENSE, 12)
    prefix = embed_tokens(DENSE, weights, ids[:5])
    cases = []
    for scale in (1.0, 0.5):
        inputs = np.concatenate([np.float32(scale) * prefix, embed_tokens(DENSE, weights, ids[5:])])
        cases.append(compute_logits(weights, forward(DENSE, weights, inputs, KVCache.allocate(DENSE, 12)).hidden_LW))
    np.testing.assert_allclose(cases[0], logits_of(DENSE, weights, ids), atol=1e-5)
    assert np.abs(cases[0][5:] - cases[1][5:]).max() > 0.05


def test_rotations_at_every_position_equal_those_of_transformers_and_torch() -> None:
    config = LanguageConfig()
    positions = torch.arange(config.max_position_embeddings)[None]
    cos, sin = compute_rotations(positions[0].numpy(), config.head_dim, config.rope_theta)
    in_transformers = LlamaRotaryEmbedding(to_transformers_config(config))(torch.zeros(1), positions)
    for ours, theirs in zip((cos, sin), in_transformers, strict=True):
        np.testing.assert_allclose(ours, theirs[0, :, : config.head_dim // 2], rtol=0, atol=2e-7)
    for ours, in_torch in zip((cos, sin), network_torch._compute_rotations(config, positions), strict=True):
        np.testing.assert_allclose(ours, in_torch[0], rtol=0, atol=1e-7)


def test_attention_of_a_query_equals_the_sum_over_its_keys() -> None:
    random = np.random.default_rng(1)
    queries, keys, values = (random.standard_normal((heads, count, 4), np.float32) for heads, count in ((6, 3), (2, 5), (2, 5)))
    attended = attend(queries, keys, values)
    for head in range(6):
        for row in range(3):
            shares = [np.exp(queries[head, row] @ keys[head // 3, key] / 2) for key in range(3 + row)]
            expected = sum(share * values[head // 3, key] for key, share in enumerate(shares)) / sum(shares)
            np.testing.assert_allclose(attended[head, row], expected, atol=1e-5)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 9999), k=st.integers(1, 5))
def test_router_selects_the_highest_biased_scores_and_weights_by_unbiased_ones(seed: int, k: int) -> None:
    random = np.random.default_rng(seed)
    x, gate = random.standard_normal((7, 6), np.float32), random.standard_normal((5, 6), np.float32)
    bias = random.standard_normal(5, np.float32)
    routing = route(x, gate, bias, k)
    for token in range(7):
        scores = 1 / (1 + np.exp(-(gate @ x[token]).astype(np.float64)))
        selected = sorted(range(5), key=lambda expert: -(scores[expert] + bias[expert]))[:k]
        assert routing.indices_TK[token].tolist() == selected
        np.testing.assert_allclose(routing.weights_TK[token], scores[selected] / scores[selected].sum(), atol=1e-5)


def test_router_with_a_high_bias_selects_the_expert_for_all_tokens() -> None:
    random = np.random.default_rng(0)
    x, gate = random.standard_normal((20, 6), np.float32), random.standard_normal((5, 6), np.float32)
    bias = np.array([0, 0, 0, 2, 0], np.float32)
    assert (route(x, gate, bias, 1).indices_TK == 3).all()
    assert not (route(x, gate, 0 * bias, 1).indices_TK == 3).all()


def test_experts_sum_weighted_networks_and_skip_null_experts() -> None:
    random = np.random.default_rng(3)
    x, gate_up, down = (random.standard_normal(shape, np.float32) for shape in ((4, 6), (3, 10, 6), (3, 6, 5)))
    indices = np.array([[0, 2], [1, 3], [4, 3], [2, 4]])  # 3 and 4 are null experts
    shares = random.uniform(0.1, 1, (4, 2)).astype(np.float32)
    output = apply_experts(x, Routing(np.zeros((4, 5), np.float32), indices, shares), gate_up, down)
    for token, selected in enumerate(indices):
        expected = np.zeros(6)
        for expert, share in zip(selected, shares[token], strict=True):
            if expert < 3:
                expected += share * swiglu(x[token], gate_up[expert, :5], gate_up[expert, 5:], down[expert])
        np.testing.assert_allclose(output[token], expected, atol=1e-4)
    assert (output[2] == 0).all()


def test_reference_reports_the_routing_of_each_moe_layer() -> None:
    weights = random_weights(MOE)
    output = forward(MOE, weights, embed_tokens(MOE, weights, tokens(MOE, 30)), KVCache.allocate(MOE, 30))
    assert len(output.routings) == MOE.num_hidden_layers - MOE.first_k_dense_replace
    for routing in output.routings:
        assert routing.scores_TE.shape == (30, 13)
        assert routing.indices_TK.shape == (30, 3)
        np.testing.assert_allclose(routing.weights_TK.sum(1), 1, atol=1e-5)
    assert 0 < sum((routing.indices_TK >= MOE.num_experts).sum() for routing in output.routings) < 180


def test_upcycled_model_equals_the_dense_one_until_its_experts_are_trained() -> None:
    config = replace(DENSE, num_experts=6, num_null_experts=2, num_experts_per_tok=3, moe_intermediate_size=4)
    dense, ids = random_weights(DENSE), tokens(DENSE, 20)
    weights = add_experts(config, dense, seed=0)
    check_weights(config, weights)
    np.testing.assert_array_equal(logits_of(config, weights, ids), logits_of(DENSE, dense, ids))
    for name in weights:
        if name.endswith("experts.down_proj"):
            weights[name] = weights[name] + np.float32(0.1)
    assert np.abs(logits_of(config, weights, ids) - logits_of(DENSE, dense, ids)).max() > 0.05
    with pytest.raises(InvalidInput, match="num_shared_experts"):
        add_experts(replace(config, num_shared_experts=2), dense, seed=0)
    with pytest.raises(Corrupt):
        add_experts(config, weights, seed=0)


def test_cache_that_is_too_short_raises_invalid_input_and_is_unchanged() -> None:
    weights, cache = random_weights(DENSE), KVCache.allocate(DENSE, 5)
    forward(DENSE, weights, embed_tokens(DENSE, weights, [1, 2, 3]), cache)
    keys = cache.keys.copy()
    with pytest.raises(InvalidInput, match="6 tokens is longer than the cache of 5"):
        forward(DENSE, weights, embed_tokens(DENSE, weights, [4, 5, 6]), cache)
    assert cache.length == 3
    np.testing.assert_array_equal(cache.keys, keys)


@pytest.mark.parametrize("shape", [(0, 48), (3, 47), (48,)])
def test_reference_with_invalid_embeddings_raises_invalid_input(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput, match=r"\(tokens, 48\)"):
        forward(DENSE, random_weights(DENSE), np.zeros(shape, np.float32), KVCache.allocate(DENSE, 5))


@pytest.mark.parametrize("token_id", [-1, DENSE.vocab_size])
def test_embedding_of_an_unknown_token_raises_invalid_input(token_id: int) -> None:
    with pytest.raises(InvalidInput, match="0 to 96"):
        embed_tokens(DENSE, random_weights(DENSE), [1, token_id])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 0}, "hidden_size must be positive"),
        ({"hidden_size": 33}, "multiple of twice"),
        ({"num_key_value_heads": 3}, "multiple of num_key_value_heads"),
        ({"num_experts_per_tok": 14}, "at most the 13"),
        ({"num_experts_per_tok": 0}, "num_experts_per_tok must be positive"),
        ({"num_null_experts": -1}, "num_null_experts"),
        ({"num_shared_experts": 0}, "num_shared_experts must be positive"),
        ({"first_k_dense_replace": 3}, "from 0 to 2"),
    ],
)
def test_config_with_impossible_values_raises_invalid_input(changes: dict[str, int], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        replace(MOE, **changes)


def test_config_is_read_back_from_its_metadata() -> None:
    assert LanguageConfig.from_metadata(MOE.to_metadata()) == MOE
    with pytest.raises(TypeError):
        LanguageConfig.from_metadata({"unknown": 1})


@pytest.mark.parametrize("fault", ["missing", "additional", "shape"])
def test_weights_that_do_not_fit_the_config_are_refused(fault: str) -> None:
    weights = random_weights(MOE)
    name = "model.layers.1.mlp.gate.weight"
    if fault == "missing":
        del weights[name]
    elif fault == "additional":
        weights[name := "lm_head.weight"] = np.zeros((2, 2), np.float32)
    else:
        weights[name] = weights[name].T
    with pytest.raises(Corrupt, match=name):
        check_weights(MOE, weights)
