"""The torch module: equal to the NumPy reference; caches, padding, precision and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.errors import Corrupt, InvalidInput
from mm.models.language.config import LanguageConfig
from mm.models.language.network_torch import LanguageModel, Placement, TorchKVCache, place_after_padding
from mm.models.language.reference.attention import KVCache
from mm.models.language.reference.network import compute_logits, forward
from tests.models.language.models import DENSE, MOE, random_weights

CPU = torch.device("cpu")


def make_model(config: LanguageConfig, seed: int = 0) -> LanguageModel:
    return LanguageModel.from_weights(config, random_weights(config, seed)).eval()


def random_embeds(config: LanguageConfig, *lengths: int, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.standard_normal((length, config.hidden_size), np.float32) for length in lengths]


@st.composite
def configs(draw: st.DrawFn) -> LanguageConfig:
    key_value_heads, group, half = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    heads = key_value_heads * group
    layers, experts, nulls = draw(st.integers(1, 3)), draw(st.integers(0, 9)), draw(st.integers(0, 3))
    return LanguageConfig(
        hidden_size=2 * half * heads,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=key_value_heads,
        intermediate_size=draw(st.integers(1, 20)),
        vocab_size=draw(st.integers(2, 50)),
        rope_theta=draw(st.sampled_from([100.0, 10_000.0])),
        num_experts=experts,
        num_null_experts=nulls,
        num_experts_per_tok=draw(st.integers(1, experts + nulls)) if experts else 0,
        num_shared_experts=draw(st.integers(1, 2)),
        moe_intermediate_size=draw(st.integers(1, 7)),
        first_k_dense_replace=draw(st.integers(0, layers - 1)),
    )


@settings(max_examples=40, deadline=None)
@given(config=configs(), lengths=st.lists(st.integers(1, 12), min_size=1, max_size=3), seed=st.integers(0, 999))
def test_torch_model_equals_the_reference_for_a_batch_padded_at_the_end(
    config: LanguageConfig, lengths: list[int], seed: int
) -> None:
    weights, sequences = random_weights(config, seed), random_embeds(config, *lengths, seed=seed)
    batch = torch.zeros(len(lengths), max(lengths), config.hidden_size)
    for row, sequence in zip(batch, sequences, strict=True):
        row[: len(sequence)] = torch.from_numpy(sequence)
    model = LanguageModel.from_weights(config, weights)
    with torch.inference_mode():
        output = model(batch)
        logits = model.compute_logits(output.hidden_BLW).numpy()
    for number, sequence in enumerate(sequences):
        expected = forward(config, weights, sequence, KVCache.allocate(config, len(sequence)))
        np.testing.assert_allclose(
            logits[number, : len(sequence)], compute_logits(weights, expected.hidden_LW), atol=2e-4, rtol=1e-4
        )
        for routing, expected_routing in zip(output.routings, expected.routings, strict=True):
            rows = slice(number * max(lengths), number * max(lengths) + len(sequence))
            np.testing.assert_array_equal(routing.indices_TK[rows], expected_routing.indices_TK)
            np.testing.assert_allclose(routing.weights_TK[rows], expected_routing.weights_TK, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(splits=st.lists(st.integers(1, 6), min_size=1, max_size=5), config=st.sampled_from([DENSE, MOE]))
def test_torch_model_with_a_cache_in_any_steps_equals_one_step(splits: list[int], config: LanguageConfig) -> None:
    model, total = make_model(config), sum(splits)
    batch = torch.from_numpy(np.stack(random_embeds(config, total, total)))
    cache = TorchKVCache.allocate(config, 2, total, CPU)
    with torch.inference_mode():
        parts = [model(part, cache).hidden_BLW for part in batch.split(splits, dim=1)]
        np.testing.assert_allclose(torch.cat(parts, 1), model(batch).hidden_BLW, atol=1e-4)
    assert cache.length == total


def test_torch_model_padded_at_the_start_equals_sequences_alone_with_a_cache() -> None:
    model, lengths = make_model(MOE), (3, 7, 5)
    sequences = [torch.from_numpy(rows) for rows in random_embeds(MOE, *(length + 2 for length in lengths))]
    prompt, is_token = torch.zeros(3, 7, MOE.hidden_size), torch.zeros(3, 7, dtype=torch.bool)
    for number, length in enumerate(lengths):
        prompt[number, 7 - length :], is_token[number, 7 - length :] = sequences[number][:length], True
    cache = TorchKVCache.allocate(MOE, 3, 9, CPU)
    with torch.inference_mode():
        outputs = [model(prompt, cache, place_after_padding(is_token, 7)).hidden_BLW[:, -1]]
        for step in range(2):
            is_token = torch.cat([is_token, torch.ones(3, 1, dtype=torch.bool)], 1)
            following = torch.stack([rows[length + step] for rows, length in zip(sequences, lengths, strict=True)])
            outputs.append(model(following[:, None], cache, place_after_padding(is_token, 1)).hidden_BLW[:, -1])
        for number, length in enumerate(lengths):
            alone = model(sequences[number][None]).hidden_BLW[0, length - 1 :]
            np.testing.assert_allclose(torch.stack([output[number] for output in outputs]), alone, atol=1e-4)
    assert all(torch.isfinite(output).all() for output in outputs)


def test_torch_model_with_continuations_of_one_prefix_in_a_sequence_equals_them_alone() -> None:
    model = make_model(MOE)
    prefix, first, second = (torch.from_numpy(rows) for rows in random_embeds(MOE, 4, 3, 3))
    mask = torch.ones(10, 10, dtype=torch.bool).tril()
    mask[7:, 4:7] = False
    positions = torch.tensor([0, 1, 2, 3, 4, 5, 6, 4, 5, 6])
    with torch.inference_mode():
        packed = model(torch.cat([prefix, first, second])[None], None, Placement(positions[None], mask[None])).hidden_BLW[0]
        for continuation, rows in ((first, slice(4, 7)), (second, slice(7, 10))):
            alone = model(torch.cat([prefix, continuation])[None]).hidden_BLW[0, 4:]
            np.testing.assert_allclose(packed[rows], alone, atol=1e-4)


def test_torch_cache_with_selected_sequences_continues_each_of_them() -> None:
    model = make_model(MOE)
    batch = torch.from_numpy(np.stack(random_embeds(MOE, 6, 6)))
    cache, rows = TorchKVCache.allocate(MOE, 2, 6, CPU), torch.tensor([1, 0, 1])
    with torch.inference_mode():
        model(batch[:, :4], cache)
        chosen = cache.select(rows)
        continued = model(batch[rows, 4:], chosen).hidden_BLW
        np.testing.assert_allclose(continued, model(batch[rows]).hidden_BLW[:, 4:], atol=1e-4)
        chosen.keys.zero_()
    assert (cache.length, chosen.length) == (4, 6)
    assert cache.keys[:, :, :, :4].any()


def test_torch_model_in_bfloat16_keeps_the_residual_stream_in_float32() -> None:
    model, batch = make_model(MOE), torch.from_numpy(np.stack(random_embeds(MOE, 12)))
    with torch.inference_mode():
        exact = model(batch).hidden_BLW
        with torch.autocast("cpu", torch.bfloat16):
            automatic = model(batch)
        low = model.to(torch.bfloat16)(batch)
    for output in (automatic, low):
        assert output.hidden_BLW.dtype == torch.float32
        assert all(routing.scores_TE.dtype == torch.float32 for routing in output.routings)
        error = (output.hidden_BLW - exact).norm() / exact.norm()
        assert 0 < error < 0.1


def test_torch_model_gives_gradients_to_router_and_experts_but_not_to_the_selection_bias() -> None:
    model = make_model(MOE).train()
    output = model(model.embed_tokens(torch.arange(20)[None] % MOE.vocab_size))
    model.compute_logits(output.hidden_BLW).logsumexp(-1).mean().backward()
    gradients = {name: value.grad for name, value in model.named_parameters()}
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients.values())
    assert not any("bias" in name for name in gradients)


def test_torch_model_has_the_names_of_the_weights_and_does_not_share_their_memory() -> None:
    weights = random_weights(MOE)
    model = LanguageModel.from_weights(MOE, weights)
    assert model.state_dict().keys() == weights.keys()
    assert LanguageModel(MOE).state_dict().keys() == weights.keys()
    with torch.no_grad():
        model.model.norm.weight.zero_()
    assert weights["model.norm.weight"].any()
    with pytest.raises(Corrupt):
        LanguageModel.from_weights(DENSE, weights)


def test_torch_cache_that_is_too_short_raises_invalid_input() -> None:
    cache = TorchKVCache.allocate(DENSE, 1, 2, CPU)
    with pytest.raises(InvalidInput, match="3 tokens is longer than the cache of 2"):
        make_model(DENSE)(torch.zeros(1, 3, 48), cache)
    assert cache.length == 0
