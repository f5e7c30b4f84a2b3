"""A checkpoint of another family as a local chat model, on a GPU or a CPU, in torch."""

from __future__ import annotations

import importlib.util
from functools import partial
from typing import TYPE_CHECKING

from mm.errors import Corrupt, TooLarge, Unavailable
from mm.generation.chat.local_model import LocalModel
from mm.generation.engine import Engine, EngineConfig
from mm.generation.vocabulary import Vocabulary
from mm.models.language.families.config import read_family_config
from mm.models.language.families.tokenizer import FamilyTokenizer, read_tokenizer_files
from mm.models.language.gguf.reader import read_gguf

if TYPE_CHECKING:
    from pathlib import Path

    from mm.models.language.families.config import FamilyConfig

BLOCK_SIZE = 16
VALUE_BYTES = 4
"""Of a key or value: float32 on a CPU. On a GPU, with 16 bits, half of the memory is used."""
MIN_TOKENS = 512
"""Least number of tokens that the cache must hold."""


def load_family(path: Path, cache_bytes: int) -> LocalModel:
    """Read all but the weights of a folder or a GGUF file.

    Raises `Corrupt`, `UnsupportedMedia`, `Unavailable` without torch, and `TooLarge` when
    `cache_bytes` are too few for the keys and values of a conversation.
    """
    if importlib.util.find_spec("torch") is None:
        raise Unavailable(f"The checkpoint {path} needs torch: install requirements-train.lock.")
    config, tokenizer = _read_checkpoint(path)
    sizes = _choose_sizes(config, cache_bytes)
    vocabulary = _make_vocabulary(path, config, tokenizer)
    return LocalModel(path.name, tokenizer.encode_chat, vocabulary, partial(_make_engine, path, sizes), sizes.max_request_len)


def _read_checkpoint(path: Path) -> tuple[FamilyConfig, FamilyTokenizer]:
    if path.is_dir():
        return read_family_config(path), FamilyTokenizer(read_tokenizer_files(path))
    from mm.models.language.families.gguf import read_gguf_config, read_gguf_tokenizer

    file = read_gguf(path)
    return read_gguf_config(file), FamilyTokenizer(read_gguf_tokenizer(file))


def _choose_sizes(config: FamilyConfig, cache_bytes: int) -> EngineConfig:
    block_bytes = 2 * VALUE_BYTES * BLOCK_SIZE * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
    num_blocks = cache_bytes // block_bytes
    if num_blocks * BLOCK_SIZE < MIN_TOKENS:
        raise TooLarge(
            f"The cache of {cache_bytes:,} bytes (MM_LANGUAGE_CACHE_MB) holds {num_blocks * BLOCK_SIZE} tokens of this model;"
            f" set at least {-(-block_bytes * MIN_TOKENS // BLOCK_SIZE >> 20)}."
        )
    return EngineConfig(num_blocks, BLOCK_SIZE, config.max_position_embeddings, max_num_seqs=64, max_num_batched_tokens=1024)


def _make_vocabulary(path: Path, config: FamilyConfig, tokenizer: FamilyTokenizer) -> Vocabulary:
    tokens, special = tokenizer.list_tokens(config.vocab_size)
    named = tokenizer.find_token("eos_token")
    end_ids = {*config.eos_token_ids, *([] if named is None else [named])}
    if not end_ids:
        raise Corrupt(f"{path} names no token that ends an answer.")
    return Vocabulary(tokens, tuple(sorted(end_ids)), special)


def _make_engine(path: Path, sizes: EngineConfig) -> Engine:
    import torch

    from mm.generation.runners.family_runner import FamilyRunner
    from mm.models.language.families.gguf import read_gguf_tensors
    from mm.models.language.families.network import FamilyNetwork
    from mm.models.language.families.weights import collect_weights, load_weights

    config, tokenizer = _read_checkpoint(path)
    has_gpu = torch.cuda.is_available()
    device, dtype = (torch.device("cuda"), torch.bfloat16) if has_gpu else (torch.device("cpu"), torch.float32)
    if path.is_dir():
        weights = load_weights(path, config, device, dtype)
    else:
        weights = collect_weights(str(path), config, read_gguf_tensors(read_gguf(path), config, device, dtype))
    runner = FamilyRunner(FamilyNetwork(config, weights), sizes.num_blocks, sizes.block_size)
    return Engine(runner, _make_vocabulary(path, config, tokenizer), sizes)
