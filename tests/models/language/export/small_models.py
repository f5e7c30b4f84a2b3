"""Small models with a small tokenizer, as the built-in one is loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mm.models.language.config import LanguageConfig
from mm.models.language.export.merged_model import MergedModel
from mm.models.language.gguf.reader import read_gguf
from tests.models.language.gguf_files import write_gguf
from tests.models.language.models import random_weights
from tests.models.language.test_tokenizer import CHATML, VOCABULARY


def make_small_model(folder: Path, config: LanguageConfig) -> MergedModel:
    """A model with random weights and the vocabulary of the tokenizer's tests."""
    config = replace(config, vocab_size=len(VOCABULARY.tokens))
    metadata: dict[str, object] = {
        "general.name": "small",
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": list(VOCABULARY.tokens),
        "tokenizer.ggml.merges": list(VOCABULARY.merges),
        "tokenizer.ggml.token_type": [3 if number in VOCABULARY.special_ids else 1 for number in range(config.vocab_size)],
        "tokenizer.ggml.bos_token_id": VOCABULARY.bos_id,
        "tokenizer.ggml.eos_token_id": VOCABULARY.eos_id,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": CHATML,
    }
    return MergedModel(config, random_weights(config), read_gguf(write_gguf(folder / "base.gguf", metadata, {})))
