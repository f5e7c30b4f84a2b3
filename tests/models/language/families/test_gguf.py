"""Checkpoints in GGUF files: equal to transformers, and tokenized as their vocabulary says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mm.errors import Corrupt, UnsupportedMedia
from mm.generation import SamplingParams
from mm.generation.chat.models import ChatModels
from mm.generation.chat.types import ChatMessage, ChatRequest
from mm.models.language.chat_template import Message, encode_chat
from mm.models.language.families.gguf import read_gguf_config, read_gguf_tensors, read_gguf_tokenizer
from mm.models.language.families.network import FamilyNetwork
from mm.models.language.families.tokenizer import FamilyTokenizer
from mm.models.language.families.weights import collect_weights
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.smollm2 import find_smollm2
from mm.models.language.tokenizer import LanguageTokenizer, make_byte_alphabet, read_vocabulary
from mm.settings import Settings
from tests.models.language.families.checkpoints import make_model
from tests.models.language.families.test_families import assert_equal_to_transformers
from tests.models.language.gguf_files import Stored, of_array, write_gguf

FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0}}),
    "qwen2": ("Qwen2", {"tie_word_embeddings": True}),
    "qwen3": ("Qwen3", {"head_dim": 16}),
    "qwen3moe": ("Qwen3Moe", {"num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "norm_topk_prob": True}),
}
PARTS = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "q_proj": "attn_q", "k_proj": "attn_k",
    "v_proj": "attn_v", "o_proj": "attn_output", "q_norm": "attn_q_norm", "k_norm": "attn_k_norm", "gate_proj": "ffn_gate",
    "up_proj": "ffn_up", "down_proj": "ffn_down", "gate": "ffn_gate_inp",
}  # fmt: skip
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"


def permute(values: np.ndarray, num_heads: int) -> np.ndarray:
    """As `permute` in llama.cpp's `convert_hf_to_gguf.py`."""
    return values.reshape(num_heads, 2, -1, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def write_model(path: Path, family: str, model: Any, **metadata: object) -> Path:
    config, tensors = model.config, dict[str, Stored]()
    for name, tensor in model.state_dict().items():
        values, parts = tensor.numpy(), name.split(".")
        if "layers" not in parts:
            top = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}[parts[-2]]
            if top != "output" or not config.tie_word_embeddings:
                tensors[f"{top}.weight"] = of_array(values)
            continue
        prefix = f"blk.{parts[2]}."
        if parts[-1] == "gate_up_proj":
            gate, up = np.split(values, 2, axis=1)
            tensors |= {f"{prefix}ffn_gate_exps.weight": of_array(gate), f"{prefix}ffn_up_exps.weight": of_array(up)}
        elif parts[-1] == "down_proj":
            tensors[f"{prefix}ffn_down_exps.weight"] = of_array(values)
        else:
            if family == "llama" and parts[-2] in ("q_proj", "k_proj"):
                values = permute(values, config.num_attention_heads if parts[-2] == "q_proj" else config.num_key_value_heads)
            tensors[f"{prefix}{PARTS[parts[-2]]}.{parts[-1]}"] = of_array(values)
    alphabet = [character for character, _ in sorted(make_byte_alphabet().items(), key=lambda pair: pair[1])]
    tokens = [*alphabet, "<|im_start|>", "<|im_end|>", *(f"<unused {i}>" for i in range(300 - 258))]
    values_of = {
        "general.architecture": family,
        f"{family}.embedding_length": config.hidden_size,
        f"{family}.block_count": config.num_hidden_layers,
        f"{family}.attention.head_count": config.num_attention_heads,
        f"{family}.attention.head_count_kv": config.num_key_value_heads,
        f"{family}.attention.key_length": getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads,
        f"{family}.context_length": config.max_position_embeddings,
        f"{family}.attention.layer_norm_rms_epsilon": float(config.rms_norm_eps),
        f"{family}.rope.freq_base": float(config.rope_parameters["rope_theta"]),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [1] * 256 + [3] * 44,
        "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.eos_token_id": 257,
        "tokenizer.chat_template": TEMPLATE,
    }
    if family == "qwen3moe":
        values_of[f"{family}.expert_used_count"] = config.num_experts_per_tok
    if config.rope_parameters.get("factor"):
        values_of |= {f"{family}.rope.scaling.type": "linear", f"{family}.rope.scaling.factor": config.rope_parameters["factor"]}
    tokens[258] = "ab"
    return write_gguf(path, {**values_of, **metadata}, tensors)


def load(path: Path) -> FamilyNetwork:
    file = read_gguf(path)
    config = read_gguf_config(file)
    return FamilyNetwork(
        config, collect_weights(str(path), config, read_gguf_tensors(file, config, torch.device("cpu"), torch.float32))
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_gguf_family_generates_what_transformers_does(family: str, tmp_path: Path) -> None:
    model = make_model(*FAMILIES[family], seed=int(np.random.default_rng().integers(1000)))
    assert_equal_to_transformers(load(write_model(tmp_path / "a.gguf", family, model)), model)


@pytest.mark.xdist_group("chat process")
def test_gguf_file_is_a_chat_model_by_name(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    write_model(tmp_path / "models" / "tiny.gguf", "qwen3", make_model(*FAMILIES["qwen3"]))
    request = ChatRequest((ChatMessage("user", "hello"),), SamplingParams(max_tokens=4, temperature=0.0))
    with ChatModels(Settings(home=tmp_path, language="tiny.gguf")) as models:
        assert list(models.default.stream(request))[-1].finish_reason in ("stop", "length")


def test_tokenizer_of_smollm2_is_that_of_the_built_in_model() -> None:
    file = read_gguf(find_smollm2())
    tokenizer, builtin = FamilyTokenizer(read_gguf_tokenizer(file)), LanguageTokenizer(read_vocabulary(file))
    messages = [
        Message("user", "The dog's 1,234 trees.\n\n  größer 猫 <|im_end|>"),
        Message("assistant", "Yes"),
        Message("user", "Why?"),
    ]
    assert tokenizer.encode_chat(messages) == encode_chat(builtin, messages)
    tokens, special = tokenizer.list_tokens(builtin.vocab_size)
    assert all(tokens[i] == builtin.get_bytes(i) for i in range(builtin.vocab_size) if i not in special)
    assert {i for i in range(builtin.vocab_size) if not builtin.get_bytes(i)} == special


@pytest.mark.parametrize(
    ("metadata", "error", "message"),
    [
        ({"general.architecture": "gemma"}, UnsupportedMedia, "gemma; supported in GGUF files are llama"),
        ({"llama.rope.scaling.type": "yarn"}, UnsupportedMedia, "rotary scaling"),
        ({"tokenizer.ggml.pre": "tekken"}, UnsupportedMedia, "gpt2 tekken"),
        ({"tokenizer.ggml.merges": ["zz qq"]}, Corrupt, "invalid"),
        ({"tokenizer.ggml.token_type": [1, 1]}, Corrupt, "2 token types"),
        ({"llama.attention.head_count_kv": 3}, Corrupt, "do not form"),
        ({"llama.block_count": 2}, Corrupt, r"tensors that .* does not have"),
    ],
)
def test_bad_gguf_file_is_named(tmp_path: Path, metadata: dict[str, object], error: type[Exception], message: str) -> None:
    path = write_model(tmp_path / "a.gguf", "llama", make_model(*FAMILIES["llama"]), **metadata)
    with pytest.raises(error, match=message):
        load_all(path)


def load_all(path: Path) -> None:
    load(path)
    FamilyTokenizer(read_gguf_tokenizer(read_gguf(path)))
