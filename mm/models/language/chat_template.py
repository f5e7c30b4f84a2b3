"""The chat template of SmolLM2 (ChatML), as in `tokenizer.chat_template` of its GGUF file.

A turn is `<|im_start|>role`, a new line, the content, `<|im_end|>` and a new line. Media enter as
embeddings before the text of a turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from mm.errors import InvalidInput

if TYPE_CHECKING:
    from mm.models.language.tokenizer import LanguageTokenizer

Role = Literal["system", "user", "assistant"]

DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
"""The system message when a conversation does not begin with one."""


@dataclass(frozen=True, slots=True)
class Message:
    """A turn of a conversation. Raises `InvalidInput` for another role."""

    role: Role
    content: str
    num_media: int = 0
    """Media whose embeddings enter before the content."""

    def __post_init__(self) -> None:
        if self.role not in get_args(Role):
            raise InvalidInput(f"The role of a message must be one of {', '.join(get_args(Role))}, not {self.role!r:.40}.")


def encode_chat(tokenizer: LanguageTokenizer, messages: Sequence[Message]) -> list[list[int]]:
    """The token ids before, between and after the media: one list more than there are media.

    The last list ends where the assistant's answer begins. Raises `InvalidInput` for no messages.
    """
    if not messages:
        raise InvalidInput("A conversation needs at least one message.")
    if messages[0].role != "system":
        messages = [Message("system", DEFAULT_SYSTEM), *messages]
    parts: list[list[int]] = [[]]
    for message in messages:
        parts[-1].append(tokenizer.bos_id)
        if message.num_media:
            parts[-1] += tokenizer.encode(f"{message.role}\n")
            parts += [[] for _ in range(message.num_media)]
            parts[-1] += tokenizer.encode(message.content)
        else:
            parts[-1] += tokenizer.encode(f"{message.role}\n{message.content}")
        parts[-1] += [tokenizer.eos_id, *tokenizer.encode("\n")]
    parts[-1] += [tokenizer.bos_id, *tokenizer.encode("assistant\n")]
    return parts
