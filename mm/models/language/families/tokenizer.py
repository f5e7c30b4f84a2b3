"""Tokenizer and chat template of a checkpoint: `tokenizer.json` and a Jinja template.

The template is rendered with marks in place of the contents. Contents are tokenized apart from the
text of the template, so that a message that names a special token does not contain it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from mm.errors import Corrupt, InvalidInput, Unavailable, UnsupportedMedia
from mm.models.inputs import replace_surrogates
from mm.models.language.families.config import read_json
from mm.models.language.tokenizer import make_byte_alphabet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jinja2 import Template

    from mm.models.language.chat_template import Message

_MARK = re.compile("\ue000(\\d+)\ue001")


@dataclass(frozen=True, slots=True)
class TokenizerFiles:
    """What a checkpoint stores of its tokenizer."""

    source: str
    """The file, for messages."""
    tokenizer: Mapping[str, object]
    """The content of `tokenizer.json`."""
    names: Mapping[str, str | None]
    """`bos_token`, `eos_token`, `pad_token` and `unk_token`, where there are any."""
    chat_template: str


def read_tokenizer_files(folder: Path) -> TokenizerFiles:
    """Raises `Corrupt` for missing or invalid files."""
    path = folder / "tokenizer.json"
    tokenizer, settings = read_json(path), {}
    if (folder / "tokenizer_config.json").is_file():
        settings = read_json(folder / "tokenizer_config.json")
    names = {name: _get_token(settings.get(name)) for name in ("bos_token", "eos_token", "pad_token", "unk_token")}
    return TokenizerFiles(str(path), tokenizer, names, _read_template(folder, settings))


class FamilyTokenizer:
    """Safe to call from several threads."""

    def __init__(self, files: TokenizerFiles) -> None:
        """Raises `Corrupt` for invalid files, `UnsupportedMedia` for a tokenizer that is not
        byte-level BPE, and `Unavailable` when Jinja is not installed."""
        stored = files.tokenizer
        try:
            self._tokenizer, self._contents = (Tokenizer.from_str(json.dumps(stored)) for _ in range(2))
        except Exception as error:  # the library raises nothing narrower
            raise Corrupt(f"The tokenizer in {files.source} cannot be read: {error}.") from error
        if "ByteLevel" not in json.dumps([stored.get("pre_tokenizer"), stored.get("decoder")]):
            raise UnsupportedMedia(f"The tokenizer in {files.source} is not byte-level BPE, the only kind that is supported.")
        self._contents.encode_special_tokens = True
        added = stored.get("added_tokens")
        self._added = {token["id"]: token for token in added} if isinstance(added, list) else {}
        self._names = files.names
        self._template = _compile_template(files.chat_template, files.source)

    def list_tokens(self, vocab_size: int) -> tuple[tuple[bytes, ...], frozenset[int]]:
        """The bytes of each token, and the special tokens; ids without a token are special too."""
        alphabet = make_byte_alphabet()
        tokens, special = [b""] * vocab_size, set(range(vocab_size))
        for text, token_id in self._tokenizer.get_vocab(with_added_tokens=True).items():
            if token_id >= vocab_size:
                raise Corrupt(f"The tokenizer has the token {token_id}; the network has {vocab_size} tokens.")
            added = self._added.get(token_id)
            is_bytes = added is None and all(character in alphabet for character in text)
            tokens[token_id] = bytes(alphabet[character] for character in text) if is_bytes else text.encode()
            if added is None or not added.get("special"):
                special.discard(token_id)
        return tuple(tokens), frozenset(special)

    def find_token(self, name: str) -> int | None:
        """The id of `eos_token` or another named token."""
        text = self._names[name]
        return None if text is None else self._tokenizer.token_to_id(text)

    def encode_chat(self, messages: Sequence[Message]) -> list[list[int]]:
        """The token ids of a conversation, as one list. Raises `InvalidInput` for a conversation
        that the template refuses, such as one without turns that alternate."""
        contents = replace_surrogates([message.content for message in messages])
        marked = [{"role": message.role, "content": f"\ue000{i}\ue001"} for i, message in enumerate(messages)]
        text = self._render(marked)
        token_ids: list[int] = []
        for i, piece in enumerate(_MARK.split(text)):
            if i % 2:
                token_ids += self._contents.encode(contents[int(piece)], add_special_tokens=False).ids
            elif piece:
                token_ids += self._tokenizer.encode(piece, add_special_tokens=False).ids
        return [token_ids]

    def _render(self, messages: list[dict[str, str]]) -> str:
        from jinja2 import TemplateError

        values = {name: text or "" for name, text in self._names.items()}
        try:
            return self._template.render(
                messages=messages, add_generation_prompt=True, enable_thinking=False, tools=None, **values
            )
        except (TemplateError, TypeError, ValueError) as error:
            raise InvalidInput(f"The chat template of the model refuses the conversation: {error}.") from error


def _get_token(value: object) -> str | None:
    value = value.get("content") if isinstance(value, dict) else value
    return value if isinstance(value, str) else None


def _read_template(folder: Path, settings: dict[str, object]) -> str:
    """`chat_template.jinja`, else the one in `tokenizer_config.json`; of several, `default`."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    template = settings.get("chat_template")
    if isinstance(template, list):
        named = {entry.get("name"): entry.get("template") for entry in template if isinstance(entry, dict)}
        template = named.get("default")
    if not isinstance(template, str):
        raise Corrupt(f"{folder} has no chat template; a base model cannot hold a conversation.")
    return template


def _compile_template(template: str, source: str) -> Template:
    """With the functions that transformers gives to templates (`chat_template_utils`)."""
    try:
        from jinja2 import TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError as error:
        raise Unavailable("Chat templates need the package jinja2: install requirements-train.lock.") from error

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    environment.filters["tojson"] = lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent)
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = _format_now
    try:
        return environment.from_string(template)
    except TemplateError as error:
        raise Corrupt(f"The chat template of {source} is invalid: {error}.") from error


def _format_now(layout: str) -> str:
    return datetime.now(UTC).strftime(layout)
