"""The tokenizer that an open_clip model was trained with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mm.errors import Corrupt, InvalidInput, Unavailable
from mm.models.inputs import replace_surrogates
from mm.models.openclip.files import ModelFiles, describe_missing_files

if TYPE_CHECKING:
    import torch

CLIP_CONTEXT, CLIP_VOCABULARY = 77, 49408
"""Defaults of open_clip for models whose configuration has no values."""


class OpenClipTokenizer:
    """The tokenizer of a model. Safe to call from several threads; a lock serialises calls."""

    def __init__(self, files: ModelFiles, *, download: bool) -> None:
        """Load the tokenizer.

        Raises `Unavailable` when its files are not on this machine, `InvalidInput` when they would
        run code, and `Corrupt` when it has more tokens than the model.
        """
        text = files.text_config
        self.max_tokens = int(str(text.get("context_length", CLIP_CONTEXT)))
        """Longer texts are truncated to this number of tokens, special tokens included."""
        self._lock = threading.Lock()
        self._tokenizer, self._count = _load_tokenizer(files, self.max_tokens, download)
        vocabulary = None if text.get("hf_model_name") else int(str(text.get("vocab_size", CLIP_VOCABULARY)))
        if vocabulary is not None and self._size() > vocabulary:
            raise Corrupt(f"The tokenizer of {files.name} has {self._size()} tokens, its model only {vocabulary}.")

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Token ids (N, context length)."""
        with self._lock:
            tokens: torch.Tensor = self._tokenizer(replace_surrogates(texts))
            return tokens

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text before truncation, special tokens included."""
        with self._lock:
            return [self._count(text) for text in replace_surrogates(texts)]

    def _size(self) -> int:
        inner = getattr(self._tokenizer, "tokenizer", None)
        return len(inner) if inner is not None else int(self._tokenizer.vocab_size)


def _load_tokenizer(files: ModelFiles, max_tokens: int, download: bool) -> tuple[Any, Callable[[str], int]]:
    """The tokenizer of `open_clip.get_tokenizer`, from local files, and its token counter."""
    from open_clip.tokenizer import HFTokenizer, SimpleTokenizer

    options = dict(_as_dict(files.text_config.get("tokenizer_kwargs")))
    if files.tokenizer is None:
        try:
            clip = SimpleTokenizer(context_length=max_tokens, **options)
        except (TypeError, AssertionError) as error:
            raise InvalidInput(f"The tokenizer of {files.name} cannot be set up: {error}.") from error
        return clip, lambda text: len(clip.encode(text)) + 2
    if options.get("trust_remote_code"):
        raise InvalidInput(f"The tokenizer of {files.name} contains code, which is not run.")
    mode = files.text_config.get("tokenizer_mode")
    try:
        from_hub = HFTokenizer(files.tokenizer, max_tokens, tokenizer_mode=mode, local_files_only=not download, **options)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:  # of transformers for missing files
        raise Unavailable(
            f"The tokenizer of {files.name}, {files.tokenizer}, cannot be loaded. {describe_missing_files(files.name, download)}"
        ) from error
    return from_hub, lambda text: len(from_hub.tokenizer(from_hub.clean_fn(text)).input_ids)


def _as_dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
