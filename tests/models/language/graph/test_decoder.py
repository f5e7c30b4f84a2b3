"""The decoder graphs compared with the NumPy reference, over caches, batches and weight formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm.errors import Corrupt, InvalidInput
from mm.models.language.config import LanguageConfig
from mm.models.language.graph.decoder import write_graphs
from mm.models.language.graph.names import locate_files
from mm.models.language.graph.session import OnnxDecoder, allocate_cache
from mm.models.language.graph.weight_format import WeightFormat
from mm.models.language.quantization.blocks import quantize_blocks
from mm.models.language.quantization.experts import quantize_experts
from mm.models.language.reference.attention import KVCache
from mm.models.language.reference.network import compute_logits, forward
from tests.models.language.graph.small import DENSE, MOE, NEEDS_DOT_PRODUCTS, Weights, round_to
from tests.models.language.models import random_weights

FP32 = WeightFormat("fp32")
EXACT = [FP32, WeightFormat("fp16"), WeightFormat("int4", int8_activations=False)]
"""Formats whose products are computed in float32; experts of 8 bits always round activations."""
INT8_ACTIVATIONS = [
    WeightFormat("int4"),
    WeightFormat("int8"),
    pytest.param(WeightFormat("int4", is_by_row=True), marks=NEEDS_DOT_PRODUCTS),
    pytest.param(WeightFormat("int8", is_by_row=True), marks=NEEDS_DOT_PRODUCTS),
]
EACH_EXACT = pytest.mark.parametrize("weight_format", EXACT, ids=WeightFormat.describe)


def load(
    folder: Path, weights: Weights, weight_format: WeightFormat, config: LanguageConfig = MOE, *, are_experts_mapped: bool = False
) -> OnnxDecoder:
    write_graphs(folder, weight_format.describe(), weights, config, weight_format)
    return OnnxDecoder(folder, weight_format.describe(), are_experts_mapped=are_experts_mapped)


def draw_embeddings(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((*shape, MOE.hidden_size), np.float32)


def run_all(decoder: OnnxDecoder, embeddings_SD: np.ndarray, bias_MA: np.ndarray | None = None) -> np.ndarray:
    """Logits of all tokens of one sequence, in one step."""
    bound = decoder.bind(allocate_cache(decoder.config, 1, 32))
    bias = None if bias_MA is None else bias_MA[None]
    return bound.forward(embeddings_SD[None], np.zeros(1, int), np.arange(len(embeddings_SD)), bias)


def run_reference(
    weights: Weights, config: LanguageConfig, embeddings_SD: np.ndarray, bias_MA: np.ndarray | None = None
) -> np.ndarray:
    output = forward(config, weights, embeddings_SD, KVCache.allocate(config, len(embeddings_SD)), bias_MA)
    return compute_logits(weights, output.hidden_LW)


def relative_error(actual: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(actual - expected) / np.linalg.norm(expected))


@EACH_EXACT
@pytest.mark.parametrize("config", [MOE, DENSE], ids=["moe", "dense"])
def test_decoder_equals_reference_of_rounded_weights(tmp_path: Path, config: LanguageConfig, weight_format: WeightFormat) -> None:
    weights, embeddings = random_weights(config, 4), draw_embeddings(5, 11)
    expected = run_reference(round_to(weights, weight_format), config, embeddings)
    assert relative_error(run_all(load(tmp_path, weights, weight_format, config), embeddings), expected) < 1e-5


@pytest.mark.parametrize("weight_format", INT8_ACTIVATIONS, ids=WeightFormat.describe)
def test_decoder_with_int8_activations_is_close_to_reference(tmp_path: Path, weight_format: WeightFormat) -> None:
    weights, embeddings = random_weights(DENSE, 6), draw_embeddings(7, 11)
    expected = run_reference(round_to(weights, weight_format), DENSE, embeddings)
    assert relative_error(run_all(load(tmp_path, weights, weight_format, DENSE), embeddings), expected) < 0.05


@pytest.mark.parametrize("weight_format", [EXACT[2], *INT8_ACTIVATIONS], ids=WeightFormat.describe)
def test_decoder_with_mapped_experts_gives_the_same(tmp_path: Path, weight_format: WeightFormat) -> None:
    weights, embeddings = random_weights(MOE, 8), draw_embeddings(9, 7)
    packed, mapped = (run_all(load(tmp_path, weights, weight_format, are_experts_mapped=of), embeddings) for of in (False, True))
    assert relative_error(mapped, packed) < (0.02 if weight_format.int8_activations else 1e-5)


def test_decoder_without_quantized_experts_has_no_graph_with_mapped_ones(tmp_path: Path) -> None:
    load(tmp_path, random_weights(MOE, 8), FP32)
    with pytest.raises(Corrupt, match=r"cannot load the graph fp32\.mapped\.onnx"):
        OnnxDecoder(tmp_path, "fp32", are_experts_mapped=True)


def test_decoder_with_mapped_experts_of_a_short_file_is_corrupt(tmp_path: Path) -> None:
    load(tmp_path, random_weights(MOE, 8), EXACT[2], are_experts_mapped=True)
    data = locate_files(tmp_path, EXACT[2].describe())[2]
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    with pytest.raises(Corrupt):
        OnnxDecoder(tmp_path, EXACT[2].describe(), are_experts_mapped=True)


def test_decoder_with_a_bias_for_each_sequence_equals_reference(tmp_path: Path) -> None:
    weights, embeddings = random_weights(MOE, 10), draw_embeddings(11, 2, 6)
    biases = np.random.default_rng(12).uniform(-0.5, 0.5, (2, MOE.num_moe_layers, MOE.num_routed)).astype(np.float32)
    bound = load(tmp_path, weights, FP32).bind(allocate_cache(MOE, 2, 32))
    logits = bound.forward(embeddings, np.zeros(2, int), np.arange(12), biases).reshape(2, 6, -1)
    for row, sequence, bias in zip(logits, embeddings, biases, strict=True):
        np.testing.assert_allclose(row, run_reference(weights, MOE, sequence, bias), atol=2e-4)
        assert relative_error(row, run_reference(weights, MOE, sequence)) > 0.01


@EACH_EXACT
def test_embed_equals_rounded_rows(tmp_path: Path, weight_format: WeightFormat) -> None:
    weights, tokens = random_weights(MOE, 10), np.array([[0, 69, 5], [5, 1, 2]])
    table = round_to(weights, weight_format)["model.embed_tokens.weight"]
    np.testing.assert_allclose(load(tmp_path, weights, weight_format).embed(tokens), table[tokens], rtol=1e-6)


@EACH_EXACT
def test_forward_token_by_token_equals_one_chunk(tmp_path: Path, weight_format: WeightFormat) -> None:
    decoder, embeddings = load(tmp_path, random_weights(MOE, 11), weight_format), draw_embeddings(12, 9)
    bound = decoder.bind(allocate_cache(MOE, 1, 32))
    steps = [bound.forward(row[None, None], np.array([position])) for position, row in enumerate(embeddings)]
    np.testing.assert_allclose(np.concatenate(steps), run_all(decoder, embeddings), atol=1e-4)


def test_forward_chunks_after_other_lengths_equal_each_sequence_alone(tmp_path: Path) -> None:
    decoder, lengths = load(tmp_path, random_weights(MOE, 13), FP32), np.array([7, 1, 4])
    sequences = [draw_embeddings(length, length + 9) for length in lengths]
    cache = allocate_cache(MOE, 3, 32)
    for row, length in enumerate(lengths):
        decoder.bind(cache[:, :, row : row + 1]).forward(sequences[row][None, :length], np.zeros(1, int))
    bound, step = decoder.bind(cache), 0
    for width in (5, 1, 3):
        chunk = np.stack([sequence[length + step :][:width] for sequence, length in zip(sequences, lengths, strict=True)])
        logits = bound.forward(chunk, lengths + step, np.arange(3 * width)).reshape(3, width, -1)
        for row, sequence, length in zip(logits, sequences, lengths, strict=True):
            expected = run_all(decoder, sequence)[length + step :][:width]
            np.testing.assert_allclose(row, expected, atol=1e-4)
        step += width


def test_cache_is_continued_by_another_session(tmp_path: Path) -> None:
    weights, embeddings = random_weights(MOE, 17), draw_embeddings(18, 8)
    packed, mapped = (load(tmp_path, weights, EXACT[2], are_experts_mapped=of) for of in (False, True))
    cache = allocate_cache(MOE, 1, 32)
    mapped.bind(cache).forward(embeddings[None, :5], np.array([0]))
    actual = packed.bind(cache).forward(embeddings[None, 5:], np.array([5]))
    np.testing.assert_allclose(actual, run_all(packed, embeddings)[-1:], atol=1e-4)


def test_forward_invalid_chunks_are_refused_and_change_nothing(tmp_path: Path) -> None:
    decoder, embeddings = load(tmp_path, random_weights(MOE, 21), FP32), draw_embeddings(22, 2, 4)
    cache = allocate_cache(MOE, 2, 8)
    bound = decoder.bind(cache)
    bound.forward(embeddings, np.zeros(2, int))
    memory = cache.copy()
    for chunk, lengths in [
        (embeddings[:1], np.array([4, 4])),
        (embeddings[..., :-1], np.array([4, 4])),
        (embeddings[:, :0], np.array([4, 4])),
        (embeddings, np.array([4, 5])),
        (embeddings, np.array([4, -1])),
        (embeddings, np.array([4])),
    ]:
        with pytest.raises(InvalidInput):
            bound.forward(chunk, lengths)
    np.testing.assert_array_equal(cache, memory)


def test_cache_longer_than_the_positions_is_refused() -> None:
    with pytest.raises(InvalidInput, match="1 to 32 tokens, not 33"):
        allocate_cache(MOE, 1, 33)


@pytest.mark.parametrize("file", [0, 1, 2])
def test_decoder_truncated_file_is_corrupt(tmp_path: Path, file: int) -> None:
    load(tmp_path, random_weights(MOE, 23), FP32)
    path = locate_files(tmp_path, "fp32")[file]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(Corrupt, match="cannot load the graph"):
        OnnxDecoder(tmp_path, "fp32")


def test_write_graphs_missing_weight_writes_nothing(tmp_path: Path) -> None:
    weights = random_weights(MOE, 24)
    del weights["model.layers.1.self_attn.o_proj.weight"]
    with pytest.raises(Corrupt, match="o_proj"):
        write_graphs(tmp_path, "decoder", weights, MOE, FP32)
    assert list(tmp_path.iterdir()) == []


def test_decoder_states_its_config(tmp_path: Path) -> None:
    assert load(tmp_path, random_weights(MOE, 26), FP32).config == MOE


def test_decoder_without_a_config_is_corrupt(tmp_path: Path) -> None:
    load(tmp_path, random_weights(MOE, 26), FP32)
    decoder, embedding, _ = locate_files(tmp_path, "fp32")
    embedding.replace(decoder)
    decoder.with_suffix(".embedding.onnx").write_bytes(decoder.read_bytes())
    with pytest.raises(Corrupt, match="does not state the configuration"):
        OnnxDecoder(tmp_path, "fp32")


def test_write_graphs_with_rounded_experts_does_not_round_them_again(tmp_path: Path) -> None:
    weights, weight_format, name = random_weights(MOE, 27), EXACT[2], "model.layers.1.mlp"
    experts = quantize_experts(*(2 * weights[f"{name}.experts.{part}_proj"] for part in ("gate_up", "down")))
    write_graphs(tmp_path, "given", weights, MOE, weight_format, {name: experts})
    doubled = {key: 2 * value if ".experts." in key else value for key, value in weights.items()}
    embeddings = draw_embeddings(28, 6)
    np.testing.assert_array_equal(
        run_all(OnnxDecoder(tmp_path, "given"), embeddings), run_all(load(tmp_path, doubled, weight_format), embeddings)
    )


def test_write_graphs_with_precise_matrices_rounds_these_to_8_bits(tmp_path: Path) -> None:
    weights, weight_format, embeddings = random_weights(DENSE, 29), EXACT[2], draw_embeddings(30, 6)
    precise = [name for name in weights if "layers.1.self_attn." in name and name.endswith("_proj.weight")]
    write_graphs(tmp_path, "precise", weights, DENSE, weight_format, precise=precise)
    rounded = round_to(weights, weight_format)
    for part in ("q", "k", "v", "o"):
        name = f"model.layers.1.self_attn.{part}_proj.weight"
        rounded[name] = quantize_blocks(weights[name], 8).dequantize()
    logits = run_all(OnnxDecoder(tmp_path, "precise"), embeddings)
    assert relative_error(logits, run_reference(rounded, DENSE, embeddings)) < 1e-5


def test_write_graphs_stores_the_embeddings_once(tmp_path: Path) -> None:
    weights = random_weights(MOE, 25)
    write_graphs(tmp_path, "decoder", weights, MOE, FP32)
    num_bytes = sum(weight.nbytes for weight in weights.values()) + 2 * MOE.max_position_embeddings * MOE.head_dim * 2
    data = locate_files(tmp_path, "decoder")[2].stat().st_size
    assert num_bytes - 20 * 1024 < data < num_bytes + 30 * 4096


def test_weight_format_of_an_unknown_precision_is_refused() -> None:
    with pytest.raises(InvalidInput, match="int4, int8, fp16, fp32, not 'int2'"):
        WeightFormat("int2")  # type: ignore[arg-type]


def test_weight_format_by_row_of_float32_products_is_refused() -> None:
    with pytest.raises(InvalidInput, match="not fp16"):
        WeightFormat("fp16", is_by_row=True)
    with pytest.raises(InvalidInput, match="not int4"):
        WeightFormat("int4", int8_activations=False, is_by_row=True)
