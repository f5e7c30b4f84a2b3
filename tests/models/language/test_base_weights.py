"""The rounded weights: what is rounded, and how much of SmolLM2's file is lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mm.models.language.base_weights import is_offset_quantized, round_weights
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.quantization.offsets import quantize_with_offsets
from mm.models.language.smollm2 import find_smollm2, read_config, read_weights
from tests.models.language.models import MOE, random_weights


def test_round_weights_keeps_norms_routers_and_experts() -> None:
    weights = random_weights(replace(MOE, intermediate_size=64))
    rounded = round_weights(weights)
    changed = {name for name in weights if not np.array_equal(weights[name], rounded[name])}
    assert changed == {name for name in weights if name.endswith("_proj.weight") or "embed" in name}


def test_round_weights_of_smollm2_keeps_embeddings_and_half_a_percent_of_the_layers() -> None:
    file = read_gguf(find_smollm2())
    weights = read_weights(file, replace(read_config(file), num_hidden_layers=1))
    rounded = round_weights(weights)
    np.testing.assert_array_equal(rounded["model.embed_tokens.weight"], weights["model.embed_tokens.weight"])
    for name in filter(is_offset_quantized, weights):
        np.testing.assert_array_equal(rounded[name], quantize_with_offsets(weights[name]).dequantize())
        assert np.std(rounded[name] - weights[name]) < 0.007 * np.std(weights[name]), name
