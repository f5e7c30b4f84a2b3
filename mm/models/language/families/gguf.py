"""A checkpoint in a GGUF file: its configuration, weights and tokenizer in the forms of a folder.

Names of keys and tensors are those of llama.cpp (`gguf-py/gguf/constants.py`). The pre-tokenizers
are the regular expressions of its `llama-vocab.cpp`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from mm.errors import Corrupt, UnsupportedMedia
from mm.models.language.families.config import FamilyConfig, RopeConfig, RouterConfig, check_sizes
from mm.models.language.families.tokenizer import TokenizerFiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from mm.models.language.gguf.reader import GGUFFile

ARCHITECTURES = {
    "llama": "LlamaForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "qwen3moe": "Qwen3MoeForCausalLM",
}
"""Values of `general.architecture` and the networks that they are."""
_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_WORDS = _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
PRE_TOKENIZERS = {"llama-bpe": _WORDS % "{1,3}", "qwen2": _WORDS % "", "smollm": ""}
"""Values of `tokenizer.ggml.pre`, and the expression of a word; that of `smollm` is GPT-2's."""
CONTROL, USER_DEFINED = 3, 4
"""Token types of special tokens, and of further tokens that are found before the merges."""
_TENSORS = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "ffn_gate_inp": "mlp.gate",
}
_NAME = re.compile(r"(?:blk\.(?P<layer>\d+)\.)?(?P<part>\w+)\.(?P<kind>weight|bias)")


def read_gguf_config(file: GGUFFile) -> FamilyConfig:
    """Raises `UnsupportedMedia` for an architecture or a rotary scaling that is not covered."""
    name = file.get_str("general.architecture")
    if name not in ARCHITECTURES:
        raise UnsupportedMedia(
            f"{file.path} has the architecture {name}; supported in GGUF files are {', '.join(ARCHITECTURES)}."
        )
    scaling = file.metadata.get(f"{name}.rope.scaling.type", "none")
    if scaling not in ("none", "linear") or "rope_freqs.weight" in file.tensors:
        raise UnsupportedMedia(
            f"{file.path} has a rotary scaling that is not supported in GGUF files; supported are none and linear."
        )
    heads, width = file.get_int(f"{name}.attention.head_count"), file.get_int(f"{name}.embedding_length")
    key_length = file.metadata.get(f"{name}.attention.key_length")
    head_dim = key_length if isinstance(key_length, int) else width // max(heads, 1)
    factor = file.get_float(f"{name}.rope.scaling.factor") if scaling == "linear" else 1.0
    router = None
    if name == "qwen3moe":
        router = RouterConfig("softmax", file.get_int(f"{name}.expert_used_count"), norm_topk_prob=True)
    config = FamilyConfig(
        architecture=ARCHITECTURES[name],
        hidden_size=width,
        num_hidden_layers=file.get_int(f"{name}.block_count"),
        num_attention_heads=heads,
        num_key_value_heads=file.get_int(f"{name}.attention.head_count_kv"),
        head_dim=head_dim,
        vocab_size=len(file.get_strings("tokenizer.ggml.tokens")),
        max_position_embeddings=file.get_int(f"{name}.context_length"),
        rms_norm_eps=file.get_float(f"{name}.attention.layer_norm_rms_epsilon"),
        rope=RopeConfig(
            file.get_float(f"{name}.rope.freq_base"), kind="linear" if scaling == "linear" else "default", factor=factor
        ),
        router=router,
        attention_scale=head_dim**-0.5,
        eos_token_ids=(file.get_int("tokenizer.ggml.eos_token_id"),),
    )
    check_sizes(str(file.path), config)
    return config


def read_gguf_tensors(
    file: GGUFFile, config: FamilyConfig, device: torch.device, dtype: torch.dtype
) -> Iterator[tuple[str, Tensor]]:
    """All tensors under the names that transformers gives them."""
    for name in file.tensors:
        if (parsed := _NAME.fullmatch(name)) is None:
            raise Corrupt(f"{file.path} has the tensor {name}, which {config.architecture} does not have.")
        prefix = "" if parsed["layer"] is None else f"model.layers.{parsed['layer']}."
        if parsed["part"] == "ffn_gate_exps":  # gate and up of all experts become one tensor
            up = file.read_tensor(name.replace("ffn_gate_exps", "ffn_up_exps"))
            gate_up = torch.cat([torch.from_numpy(file.read_tensor(name)), torch.from_numpy(up)], dim=1)
            yield prefix + "mlp.experts.gate_up_proj", gate_up.to(device, dtype)
        elif parsed["part"] == "ffn_down_exps":
            yield prefix + "mlp.experts.down_proj", torch.from_numpy(file.read_tensor(name)).to(device, dtype)
        elif parsed["part"] != "ffn_up_exps":
            if parsed["part"] not in _TENSORS:
                raise Corrupt(f"{file.path} has the tensor {name}, which {config.architecture} does not have.")
            values = file.read_tensor(name)
            if config.architecture == "LlamaForCausalLM" and parsed["part"] in ("attn_q", "attn_k"):
                values = _separate_pairs(values, config.head_dim)
            yield f"{prefix}{_TENSORS[parsed['part']]}.{parsed['kind']}", torch.from_numpy(values).to(device, dtype)


def read_gguf_tokenizer(file: GGUFFile) -> TokenizerFiles:
    """Tokenizer and chat template. Raises `UnsupportedMedia` for another kind of tokenizer."""
    kind, pre = file.get_str("tokenizer.ggml.model"), file.get_str("tokenizer.ggml.pre")
    if kind != "gpt2" or pre not in PRE_TOKENIZERS:
        raise UnsupportedMedia(
            f"{file.path} has the tokenizer {kind} {pre}; supported are gpt2 with {', '.join(PRE_TOKENIZERS)}."
        )
    tokens = file.get_strings("tokenizer.ggml.tokens")
    types = file.get_ints("tokenizer.ggml.token_type")
    if len(types) != len(tokens):
        raise Corrupt(f"{file.path} has {len(tokens)} tokens and {len(types)} token types.")
    merges = [(merge.partition(" ")[0], merge.partition(" ")[2]) for merge in file.get_strings("tokenizer.ggml.merges")]
    try:
        vocabulary = {token: number for number, token in enumerate(tokens)}
        tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=pre == "llama-bpe"))
    except Exception as error:  # the library raises nothing narrower
        raise Corrupt(f"The tokenizer of {file.path} is invalid: {error}.") from error
    tokenizer.pre_tokenizer = _make_pre_tokenizer(PRE_TOKENIZERS[pre])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token, of in zip(tokens, types, strict=True) if of == CONTROL]
    )
    tokenizer.add_tokens(
        [AddedToken(token, normalized=False) for token, of in zip(tokens, types, strict=True) if of == USER_DEFINED]
    )
    names: dict[str, str | None] = {}
    for name in ("bos", "eos", "unknown", "padding"):
        number = file.metadata.get(f"tokenizer.ggml.{name}_token_id")
        known = isinstance(number, int) and 0 <= number < len(tokens)
        names[{"unknown": "unk", "padding": "pad"}.get(name, name) + "_token"] = tokens[number] if known else None  # type: ignore[index]
    template = file.get_str("tokenizer.chat_template")
    return TokenizerFiles(str(file.path), json.loads(tokenizer.to_str()), names, template)


def _make_pre_tokenizer(words: str) -> pre_tokenizers.Sequence:
    if not words:
        return pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    return pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(words), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )


def _separate_pairs(values: npt.NDArray[np.float32], head_dim: int) -> npt.NDArray[np.float32]:
    """Reorder the rows of each head from pairs side by side to first halves, then second halves, as
    llama.cpp stores queries and keys of Llama."""
    by_head = values.reshape(-1, head_dim // 2, 2, *values.shape[1:])
    return by_head.swapaxes(1, 2).reshape(values.shape).copy()
