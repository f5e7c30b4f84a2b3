"""SmolLM2 from its GGUF file: configuration, weights, and that it predicts English."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm.errors import Corrupt
from mm.models.language.config import LanguageConfig
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.reference.attention import KVCache
from mm.models.language.reference.network import compute_logits, embed_tokens, forward
from mm.models.language.smollm2 import find_smollm2, read_config, read_weights
from mm.models.language.tokenizer import LanguageTokenizer, read_vocabulary
from tests.models.language.gguf_files import Stored, of_array, write_gguf
from tests.models.language.models import DENSE, random_weights

METADATA: dict[str, object] = {
    "general.architecture": "llama",
    "llama.embedding_length": 48,
    "llama.block_count": 3,
    "llama.attention.head_count": 6,
    "llama.attention.head_count_kv": 2,
    "llama.feed_forward_length": 64,
    "llama.vocab_size": 97,
    "llama.context_length": 128,
    "llama.rope.freq_base": 1000.0,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
}
SENTENCE = "The capital of France is Paris, which lies on the river Seine and is known for the Eiffel Tower."


def interleave_pairs(weight: np.ndarray, heads: int) -> np.ndarray:
    """`permute` of llama.cpp's `convert_hf_to_gguf.py`."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def to_stored(weights: dict[str, np.ndarray]) -> dict[str, Stored]:
    """The tensors of a GGUF file of the dense test model, as llama.cpp writes them."""
    parts = {
        "input_layernorm": "attn_norm",
        "q_proj": "attn_q",
        "k_proj": "attn_k",
        "v_proj": "attn_v",
        "o_proj": "attn_output",
        "post_attention_layernorm": "ffn_norm",
        "gate_proj": "ffn_gate",
        "up_proj": "ffn_up",
        "down_proj": "ffn_down",
    }
    stored = {"token_embd.weight": of_array(weights["model.embed_tokens.weight"])}
    stored["output_norm.weight"] = of_array(weights["model.norm.weight"])
    for name, value in weights.items():
        if not name.startswith("model.layers."):
            continue
        _, _, layer, *_, part, _ = name.split(".")
        heads = {"q_proj": DENSE.num_attention_heads, "k_proj": DENSE.num_key_value_heads}.get(part)
        stored[f"blk.{layer}.{parts[part]}.weight"] = of_array(value if heads is None else interleave_pairs(value, heads))
    return stored


def test_llama_file_is_read_with_its_config_and_weights_in_their_order(tmp_path: Path) -> None:
    weights = random_weights(DENSE)
    file = read_gguf(write_gguf(tmp_path / "model.gguf", METADATA, to_stored(weights)))
    config = read_config(file)
    assert config.rms_norm_eps == pytest.approx(1e-5)
    assert config.to_metadata() | {"rms_norm_eps": 1e-5} == DENSE.to_metadata()
    read = read_weights(file, config)
    assert read.keys() == weights.keys()
    for name, value in weights.items():
        np.testing.assert_array_equal(read[name], value, err_msg=name)


def test_llama_file_of_another_architecture_or_with_a_missing_tensor_is_refused(tmp_path: Path) -> None:
    stored = to_stored(random_weights(DENSE))
    other = read_gguf(write_gguf(tmp_path / "other.gguf", METADATA | {"general.architecture": "gpt2"}, stored))
    with pytest.raises(Corrupt, match="architecture gpt2"):
        read_config(other)
    invalid = read_gguf(write_gguf(tmp_path / "invalid.gguf", METADATA | {"llama.attention.head_count": 5}, stored))
    with pytest.raises(Corrupt, match="num_attention_heads"):
        read_config(invalid)
    del stored["blk.1.attn_v.weight"]
    with pytest.raises(Corrupt, match=r"blk\.1\.attn_v\.weight"):
        read_weights(read_gguf(write_gguf(tmp_path / "missing.gguf", METADATA, stored)), DENSE)
    stored["blk.1.attn_v.weight"] = of_array(np.zeros((3, 3)))
    with pytest.raises(Corrupt, match=r"layers\.1\.self_attn\.v_proj"):
        read_weights(read_gguf(write_gguf(tmp_path / "shape.gguf", METADATA, stored)), DENSE)


def test_smollm2_predicts_an_english_sentence() -> None:
    file = read_gguf(find_smollm2())
    config, tokenizer = read_config(file), LanguageTokenizer(read_vocabulary(file))
    assert config.to_metadata() | {"rms_norm_eps": 1e-5} == LanguageConfig().to_metadata()
    weights = read_weights(file, config)
    assert sum(value.size for value in weights.values()) == 134_515_008
    ids = tokenizer.encode(SENTENCE)
    hidden = forward(config, weights, embed_tokens(config, weights, ids), KVCache.allocate(config, len(ids))).hidden_LW
    logits = compute_logits(weights, hidden[:-1]).astype(np.float64)
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(ids) - 1), ids[1:]]
    assert losses.mean() < 2.5  # nats a token; a uniform guess has 10.8
    assert tokenizer.decode([int(logits[ids.index(tokenizer.encode(" is")[0])].argmax())]) in {" Paris", " the", " located"}
