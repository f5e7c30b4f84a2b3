"""The expert bias of a sequence: equal to another balancing bias, in NumPy and torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mm.errors import InvalidInput
from mm.models.language.expert_bias import MAX_EXPERT_BIAS
from mm.models.language.network_torch import LanguageModel
from mm.models.language.reference.attention import KVCache
from mm.models.language.reference.network import forward
from tests.models.language.models import MOE, random_weights


def draw_bias(seed: int) -> np.ndarray:
    bias = np.random.default_rng(seed).uniform(-0.3, 0.3, (MOE.num_moe_layers, MOE.num_routed))
    return bias.astype(np.float32)


def draw_embeds(length: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((length, MOE.hidden_size), np.float32)


def test_reference_with_expert_bias_equals_weights_with_the_sum_of_both() -> None:
    weights, bias, embeds = random_weights(MOE, 1), draw_bias(2), draw_embeds(9, 3)
    summed = dict(weights)
    for i, layer in enumerate(range(MOE.first_k_dense_replace, MOE.num_hidden_layers)):
        name = f"model.layers.{layer}.mlp.gate.e_score_correction_bias"
        summed[name] = weights[name] + bias[i]
    biased = forward(MOE, weights, embeds, KVCache.allocate(MOE, 9), bias)
    expected = forward(MOE, summed, embeds, KVCache.allocate(MOE, 9))
    np.testing.assert_array_equal(biased.hidden_LW, expected.hidden_LW)
    plain = forward(MOE, weights, embeds, KVCache.allocate(MOE, 9))
    assert any((a.indices_TK != b.indices_TK).any() for a, b in zip(plain.routings, biased.routings, strict=True))


@pytest.mark.parametrize("sign", [1, -1])
def test_reference_with_the_largest_bias_selects_or_excludes_an_expert_for_every_token(sign: int) -> None:
    bias = np.zeros((MOE.num_moe_layers, MOE.num_routed), np.float32)
    bias[:, 4] = sign * MAX_EXPERT_BIAS
    output = forward(MOE, random_weights(MOE, 1), draw_embeds(9, 3), KVCache.allocate(MOE, 9), bias)
    for routing in output.routings:
        assert ((routing.indices_TK == 4).any(1) == (sign > 0)).all()


def test_torch_model_with_a_bias_for_each_sequence_equals_the_reference() -> None:
    weights, biases, embeds = random_weights(MOE, 1), [draw_bias(4), draw_bias(5)], [draw_embeds(7, 6), draw_embeds(7, 7)]
    model = LanguageModel.from_weights(MOE, weights).eval()
    with torch.inference_mode():
        batch = torch.from_numpy(np.stack(embeds))
        output = model(batch, expert_bias_BMA=torch.from_numpy(np.stack(biases)))
    for row, sequence, bias in zip(output.hidden_BLW, embeds, biases, strict=True):
        expected = forward(MOE, weights, sequence, KVCache.allocate(MOE, 7), bias)
        np.testing.assert_allclose(row.numpy(), expected.hidden_LW, atol=1e-4)


def test_reference_refuses_a_bias_of_another_shape_or_out_of_range() -> None:
    weights, cache = random_weights(MOE, 1), KVCache.allocate(MOE, 9)
    for bias, message in [
        (draw_bias(0)[1:], "shape"),
        (np.full_like(draw_bias(0), 1.01), "from -1.0 to 1.0"),
        (np.full_like(draw_bias(0), np.nan), "from -1.0 to 1.0"),
    ]:
        with pytest.raises(InvalidInput, match=message):
            forward(MOE, weights, draw_embeds(2, 0), cache, bias)
    assert cache.length == 0
