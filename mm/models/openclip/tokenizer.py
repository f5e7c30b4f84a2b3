"""Texts to the tokens of an open_clip model, by the tokenizer that the model was trained with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mm.errors import Corrupt, InvalidInput, Unavailable
from mm.models.openclip.files import ModelFiles, describe_missing_files

if TYPE_CHECKING:
    import torch

CLIP_CONTEXT, CLIP_VOCABULARY = 77, 49408
"""What open_clip assumes where a model's configuration says nothing."""


class OpenClipTokenizer:
    """The tokenizer of a model. Safe to call from several threads: the tokenizers underneath are
    not, and take turns."""

    def __init__(self, files: ModelFiles, *, download: bool) -> None:
        """Raises `Unavailable` when the tokenizer's files are not on this machine, `InvalidInput`
        when they would run code, and `Corrupt` when it has more tokens than the model."""
        text = files.text_config
        self.max_tokens = int(str(text.get("context_length", CLIP_CONTEXT)))
        """Tokens that the model reads of a text, those at its ends included."""
        self._lock = threading.Lock()
        self._tokenizer, self._count = _make(files, self.max_tokens, download)
        vocabulary = None if text.get("hf_model_name") else int(str(text.get("vocab_size", CLIP_VOCABULARY)))
        if vocabulary is not None and self._size() > vocabulary:
            raise Corrupt(f"The tokenizer of {files.name} has {self._size()} tokens, its model only {vocabulary}.")

    def read(self, texts: Sequence[str]) -> torch.Tensor:
        """Token numbers (N, context length)."""
        with self._lock:
            tokens: torch.Tensor = self._tokenizer(_clean(texts))
            return tokens

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, however long it is, those at its ends included."""
        with self._lock:
            return [self._count(text) for text in _clean(texts)]

    def _size(self) -> int:
        inner = getattr(self._tokenizer, "tokenizer", None)
        return len(inner) if inner is not None else int(self._tokenizer.vocab_size)


def _clean(texts: Sequence[str]) -> list[str]:
    # A lone surrogate, which JSON can carry, is no character and a tokenizer would refuse the whole
    # batch.
    return [text.encode("utf-8", "replace").decode("utf-8") for text in texts]


def _make(files: ModelFiles, max_tokens: int, download: bool) -> tuple[Any, Callable[[str], int]]:
    """The tokenizer that `open_clip.get_tokenizer` would make, from files on this disk; and what
    counts one text's tokens."""
    from open_clip.tokenizer import HFTokenizer, SimpleTokenizer

    options = dict(_table(files.text_config.get("tokenizer_kwargs")))
    if files.tokenizer is None:
        try:
            clip = SimpleTokenizer(context_length=max_tokens, **options)
        except (TypeError, AssertionError) as error:
            raise InvalidInput(f"The tokenizer of {files.name} cannot be set up: {error}.") from error
        return clip, lambda text: len(clip.encode(text)) + 2
    if options.get("trust_remote_code"):
        raise InvalidInput(f"The tokenizer of {files.name} brings code of its own, which is not run.")
    mode = files.text_config.get("tokenizer_mode")
    try:
        of_hub = HFTokenizer(files.tokenizer, max_tokens, tokenizer_mode=mode, local_files_only=not download, **options)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:  # what transformers says of files that are not there
        raise Unavailable(
            f"The tokenizer of {files.name}, {files.tokenizer}, cannot be loaded. {describe_missing_files(files.name, download)}"
        ) from error
    return of_hub, lambda text: len(of_hub.tokenizer(of_hub.clean_fn(text)).input_ids)


def _table(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
