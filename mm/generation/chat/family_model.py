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
from mm.models.language.families.tokenizer import FamilyTokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from mm.models.language.families.config import FamilyConfig

BLOCK_SIZE = 16
VALUE_BYTES = 4
"""Of a key or value: float32 on a CPU. On a GPU, with 16 bits, half of the memory is used."""
MIN_TOKENS = 512
"""Least number of tokens that the cache must hold."""


def load_family(folder: Path, cache_bytes: int) -> LocalModel:
    """Read all but the weights. Raises `Corrupt`, `UnsupportedMedia`, `Unavailable` without torch,
    and `TooLarge` when `cache_bytes` are too few for the keys and values of a conversation."""
    if importlib.util.find_spec("torch") is None:
        raise Unavailable(f"The checkpoint {folder} needs torch: install requirements-train.lock.")
    config, tokenizer = read_family_config(folder), FamilyTokenizer(folder)
    sizes = _choose_sizes(config, cache_bytes)
    vocabulary = _make_vocabulary(folder, config, tokenizer)
    make_engine = partial(_make_engine, folder, sizes)
    return LocalModel(folder.name, tokenizer.encode_chat, vocabulary, make_engine, sizes.max_request_len)


def _choose_sizes(config: FamilyConfig, cache_bytes: int) -> EngineConfig:
    block_bytes = 2 * VALUE_BYTES * BLOCK_SIZE * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
    num_blocks = cache_bytes // block_bytes
    if num_blocks * BLOCK_SIZE < MIN_TOKENS:
        raise TooLarge(
            f"The cache of {cache_bytes:,} bytes (MM_LANGUAGE_CACHE_MB) holds {num_blocks * BLOCK_SIZE} tokens of this model;"
            f" set at least {-(-block_bytes * MIN_TOKENS // BLOCK_SIZE >> 20)}."
        )
    return EngineConfig(num_blocks, BLOCK_SIZE, config.max_position_embeddings, max_num_seqs=64, max_num_batched_tokens=1024)


def _make_vocabulary(folder: Path, config: FamilyConfig, tokenizer: FamilyTokenizer) -> Vocabulary:
    tokens, special = tokenizer.list_tokens(config.vocab_size)
    named = tokenizer.find_token("eos_token")
    end_ids = {*config.eos_token_ids, *([] if named is None else [named])}
    if not end_ids:
        raise Corrupt(f"{folder} names no token that ends an answer: neither generation_config.json nor config.json do.")
    return Vocabulary(tokens, tuple(sorted(end_ids)), special)


def _make_engine(folder: Path, sizes: EngineConfig) -> Engine:
    import torch

    from mm.generation.runners.family_runner import FamilyRunner
    from mm.models.language.families.network import FamilyNetwork
    from mm.models.language.families.weights import load_weights

    config = read_family_config(folder)
    has_gpu = torch.cuda.is_available()
    device, dtype = (torch.device("cuda"), torch.bfloat16) if has_gpu else (torch.device("cpu"), torch.float32)
    network = FamilyNetwork(config, load_weights(folder, config, device, dtype))
    vocabulary = _make_vocabulary(folder, config, FamilyTokenizer(folder))
    return Engine(FamilyRunner(network, sizes.num_blocks, sizes.block_size), vocabulary, sizes)
