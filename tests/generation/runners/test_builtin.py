"""The built-in model on the CPU: its cache of graphs, its sizes, and a first answer."""

from __future__ import annotations

import pickle
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from mm.errors import Corrupt, InvalidInput, Unavailable
from mm.files import hash_file
from mm.generation import Request, SamplingParams
from mm.generation.runners.builtin import COPIES, make_engine, plan_engine
from mm.models.language.base_weights import read_base_weights
from mm.models.language.chat_template import Message, encode_chat
from mm.models.language.checkpoint.file import load_additions
from mm.models.language.config import LanguageConfig
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.graph import builtin
from mm.models.language.graph.builtin import BuiltinModel
from mm.models.language.graph.session import allocate_cache
from mm.models.language.media_prefix import MediaPrefixConfig
from mm.models.language.reference.attention import KVCache
from mm.models.language.reference.network import compute_logits, embed_tokens, forward
from mm.models.language.smollm2 import find_smollm2, read_config
from mm.models.language.tokenizer import LanguageTokenizer, read_vocabulary
from tests.generation.requests import generate
from tests.models.language.additions_files import SMOLLM2_MOE, write_random_additions


@pytest.mark.parametrize("megabytes", [16, 256, 1152])
def test_plan_engine_keys_and_values_with_their_copies_fit_in_the_cache(megabytes: int) -> None:
    config = LanguageConfig()
    sizes = plan_engine(config, megabytes << 20)
    num_bytes = sizes.num_blocks * sizes.block_size * 30 * 2 * 3 * 64 * 4
    assert (1 + COPIES) * num_bytes <= megabytes << 20 < (1 + COPIES) * (num_bytes + 16 * 46_080)


def test_plan_engine_without_room_for_a_block_is_refused() -> None:
    with pytest.raises(InvalidInput, match="MM_LANGUAGE_CACHE_MB"):
        plan_engine(LanguageConfig(), 1 << 20)


def test_builtin_engine_answers_and_keeps_its_graphs(tmp_path: Path) -> None:
    model = BuiltinModel(tmp_path)
    engine = pickle.loads(pickle.dumps(partial(make_engine, model, 1, 64 << 20)))()
    files = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(files) == 4
    tokenizer = LanguageTokenizer(read_vocabulary(read_gguf(find_smollm2())))
    (prompt,) = encode_chat(tokenizer, [Message("user", "Hello! What is 2 + 2?")])
    outputs = generate(engine, [Request("hello", tuple(prompt), SamplingParams(max_tokens=24, temperature=0))])
    assert "4" in "".join(output.text for output in outputs["hello"])
    model.load(1)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files


def test_builtin_model_that_cannot_be_built_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtin.sys, "executable", "/bin/false")
    with pytest.raises(Unavailable, match="cannot be built: its process ended with the status 1"):
        BuiltinModel(tmp_path).load(1)


def test_builtin_model_with_additions_equals_the_reference_of_the_merged_weights(tmp_path: Path) -> None:
    """Activations are rounded to 8 bits, which decides a few close selections of experts."""
    write_random_additions(tmp_path / "additions", SMOLLM2_MOE, MediaPrefixConfig(), base_sha256=hash_file(find_smollm2()))
    additions, file = load_additions(tmp_path / "additions"), read_gguf(find_smollm2())
    decoder = BuiltinModel(tmp_path, additions=tmp_path / "additions").load(1)
    assert decoder.config == additions.config
    weights = additions.merge(read_base_weights(file, read_config(file)))
    tokens = LanguageTokenizer(read_vocabulary(file)).encode("The capital of France is Paris, and")
    embeddings = embed_tokens(decoder.config, weights, tokens)
    np.testing.assert_array_equal(decoder.embed(np.array([tokens]))[0], embeddings)
    cache = decoder.bind(allocate_cache(decoder.config, 1, 32))
    logits = cache.forward(embeddings[None], np.zeros(1, int), np.arange(len(tokens)))
    hidden = forward(decoder.config, weights, embeddings, KVCache.allocate(decoder.config, len(tokens))).hidden_LW
    expected = compute_logits(weights, hidden)
    assert np.linalg.norm(logits - expected) < 0.1 * np.linalg.norm(expected)


def test_builtin_model_with_additions_of_another_base_is_corrupt(tmp_path: Path) -> None:
    path = write_random_additions(tmp_path / "additions", SMOLLM2_MOE, MediaPrefixConfig())
    with pytest.raises(Corrupt, match="belong to a base model"):
        BuiltinModel(tmp_path / "graphs", additions=path).load(1)
    assert not (tmp_path / "graphs").exists()
