"""The text tower compared with transformers, its batches and tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.models.text.graph import build_graph
from mm.models.text.minilm import MASK, MAX_TOKENS, OUTPUT, TOKENS, find_model_folder
from mm.models.text.tower import TextTower, ensure_text_graph
from mm.runtimes import find_float32_runtime, list_runtimes, load_graph

TEXTS = ["a dog in the snow", "", "quarterly tax return", "Ünïcode, 漢字 & emoji 🐶", "word " * 400, "x"]


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> TextTower:
    return TextTower(tmp_path_factory.mktemp("graphs"), threads=1)


def embed_with_transformers(texts: list[str]) -> np.ndarray:
    """The sentence vectors by transformers, one text at a time, without padding."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(find_model_folder())
    network = AutoModel.from_pretrained(find_model_folder()).eval()
    rows = []
    with torch.inference_mode():
        for text in texts:
            tokens = tokenizer(text, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
            rows.append(network(**tokens).last_hidden_state[0].mean(0))
    return torch.nn.functional.normalize(torch.stack(rows), dim=1).numpy()


def test_ensure_text_graph_passes_the_onnx_checker(tmp_path: Path) -> None:
    onnx.checker.check_model(onnx.load(ensure_text_graph(tmp_path)))


def test_text_tower_equals_transformers(tower: TextTower) -> None:
    np.testing.assert_allclose(tower.embed(TEXTS), embed_with_transformers(TEXTS), atol=1e-4)


@pytest.mark.parametrize("runtime", sorted({find_float32_runtime(name).name for name in list_runtimes()}))
def test_text_graph_of_random_weights_equals_transformers(tmp_path: Path, runtime: str) -> None:
    from transformers import BertConfig, BertModel

    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=50,
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=40,
        max_position_embeddings=16,
    )
    network = BertModel(config).eval()
    for tensor in network.parameters():
        torch.nn.init.normal_(tensor, std=0.5)
    path = tmp_path / "text.onnx"
    path.write_bytes(build_graph({name: tensor.numpy() for name, tensor in network.state_dict().items()}, heads=3))
    tokens = torch.randint(0, 50, (4, 11))
    mask = (torch.arange(11) < torch.tensor([[11], [1], [7], [3]])).long()
    with torch.inference_mode():
        states = network(tokens, mask).last_hidden_state
    expected = torch.nn.functional.normalize((states * mask[..., None]).sum(1), dim=1).numpy()
    computed = load_graph(path, runtime, threads=1).run({TOKENS: tokens.numpy(), MASK: mask.numpy()})[OUTPUT]
    np.testing.assert_allclose(computed, expected, atol=1e-4)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.text(st.characters(codec=None), max_size=80), max_size=5))
def test_text_tower_unit_rows_do_not_depend_on_the_batch(tower: TextTower, texts: list[str]) -> None:
    rows = tower.embed(texts)
    assert rows.shape == (len(texts), tower.dim)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    for row, text in zip(rows, texts, strict=True):
        np.testing.assert_allclose(row, tower.embed([text])[0], atol=1e-5)


def test_text_tower_vectors_do_not_depend_on_order(tower: TextTower) -> None:
    texts = [f"{'very ' * (index % 9)}big number {index}" for index in range(70)]
    np.testing.assert_allclose(tower.embed(texts)[::-1], tower.embed(texts[::-1]), atol=1e-5)


def test_count_tokens_counts_after_truncation(tower: TextTower) -> None:
    assert tower.count_tokens(["", "dog", "word " * 400]) == [2, 3, MAX_TOKENS]
    assert "MiniLM" in tower.describe()
