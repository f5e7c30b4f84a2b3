"""The English words that MiniLM's vocabulary has as a whole: about 23,000 frequent ones."""

from __future__ import annotations

import json
from functools import cache

from mm.models.text.minilm import find_model_folder


@cache
def load_english_words() -> frozenset[str]:
    """The words in lower case. Raises `Unavailable` when the package is not installed."""
    document = json.loads((find_model_folder() / "tokenizer.json").read_text(encoding="utf-8"))
    return frozenset(word for word in document["model"]["vocab"] if word.isalpha())
