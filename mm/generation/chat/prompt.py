"""A conversation as the prompt of a local model: token ids, with embeddings where media are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from mm.errors import InvalidInput, TooLarge, UnsupportedMedia
from mm.generation.chat.tools import build_grammar, describe_tools, format_call, select_tools
from mm.generation.chat.types import ImageMedia, SoundMedia, VideoMedia
from mm.generation.request import MediaSpan
from mm.models.language.chat_template import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.generation.chat.types import ChatMessage, ChatRequest, Media, Scene
    from mm.generation.request import SamplingParams
    from mm.numerics import Float32


class ChatTemplate(Protocol):
    """Converts a conversation to the tokens of one model."""

    def __call__(self, messages: Sequence[Message]) -> list[list[int]]:
        """The token ids before, between and after the media, up to where the answer begins."""
        ...


class MediaEmbedder(Protocol):
    """Embeddings (tokens, hidden size) of media; `mm.models.language.media_prefix`."""

    def embed_image(self, map_HWC: Float32, vector_D: Float32) -> Float32: ...

    def embed_video(self, scenes: Sequence[Scene], frames: Sequence[ImageMedia]) -> Float32: ...

    def embed_sound(self, vector_D: Float32) -> Float32: ...


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    token_ids: tuple[int, ...]
    media: tuple[MediaSpan, ...]
    params: SamplingParams
    """Those of the request, with the grammar of its tools."""
    notes: tuple[str, ...]


def build_prompt(
    request: ChatRequest, template: ChatTemplate, embedder: MediaEmbedder | None, name: str, max_request_len: int
) -> Prompt:
    """The prompt of a request for the model `name`.

    When prompt and answer together exceed `max_request_len` tokens, the oldest messages are left
    out, with a note. Raises `TooLarge` when the last user message alone does not fit,
    `UnsupportedMedia` for media without an embedder, and `InvalidInput` for tools beside a grammar.
    """
    tools, params = select_tools(request), request.params
    if tools:
        if params.grammar is not None:
            raise InvalidInput("response_format cannot be combined with tools; set tool_choice to none.")
        params = replace(params, grammar=build_grammar(tools, is_required=request.tool_choice != "auto"))
    system = [message.text for message in request.messages if message.role == "system"]
    if tools:
        system.append(describe_tools(tools))
    header = [Message("system", "\n\n".join(system))] if system else []
    turns = [message for message in request.messages if message.role != "system"]
    embeddings = [[_embed(embedder, media, name) for media in message.media] for message in turns]
    start, parts = _fit(header, turns, embeddings, template, max_request_len - params.max_tokens)
    token_ids, spans = _join(parts, [rows for of_message in embeddings[start:] for rows in of_message])
    notes = (f"The first {start} messages are left out: the model {name} reads {max_request_len} tokens.",) if start else ()
    return Prompt(token_ids, spans, params, notes)


def _fit(
    header: list[Message], turns: list[ChatMessage], embeddings: list[list[Float32]], template: ChatTemplate, limit: int
) -> tuple[int, list[list[int]]]:
    """The number of left out messages, and the token ids of the rest between its media."""
    starts = [0, *(i for i, turn in enumerate(turns) if i and turn.role == "user")]

    def encode(start: int) -> tuple[int, list[list[int]]]:
        parts = template([*header, *map(_to_text, turns[start:])])
        num_media = sum(len(rows) for of_message in embeddings[start:] for rows in of_message)
        return sum(map(len, parts)) + num_media, parts

    low, high = 0, len(starts) - 1  # the first start that fits: fewer messages are never longer
    length, parts = encode(starts[0])
    if length <= limit:
        return 0, parts
    while low < high:
        middle = (low + high) // 2
        if encode(starts[middle])[0] <= limit:
            high = middle
        else:
            low = middle + 1
    length, parts = encode(starts[low])
    if length > limit:
        raise TooLarge(
            f"The prompt has {length} tokens; with max_tokens for the answer, {max(limit, 0)} fit."
            " Shorten the message or lower max_tokens."
        )
    return starts[low], parts


def _to_text(message: ChatMessage) -> Message:
    """A message as a role that all templates have, with text only."""
    text = message.text
    if message.role == "tool":
        return Message("user", f"<tool_response>\n{text}\n</tool_response>", len(message.media))
    names = [name for media in message.media if isinstance(media, SoundMedia) for name in media.class_names]
    if names:
        text = f"Sounds: {', '.join(names)}.\n{text}"
    text = "\n".join(filter(None, [text, *map(format_call, message.tool_calls)]))
    assert message.role != "system"
    return Message(message.role, text, len(message.media))


def _embed(embedder: MediaEmbedder | None, media: Media, name: str) -> Float32:
    if embedder is None:
        raise UnsupportedMedia(f"The language model {name} reads text only; images, video and audio need another model.")
    match media:
        case ImageMedia():
            return embedder.embed_image(media.map_HWC, media.vector_D)
        case VideoMedia():
            return embedder.embed_video(media.scenes, media.frames)
        case SoundMedia():
            return embedder.embed_sound(media.vector_D)


def _join(parts: list[list[int]], embeddings: list[Float32]) -> tuple[tuple[int, ...], tuple[MediaSpan, ...]]:
    """One list of token ids, with 0 where an embedding replaces that of the token."""
    token_ids, spans = list(parts[0]), list[MediaSpan]()
    for rows, part in zip(embeddings, parts[1:], strict=True):
        spans.append(MediaSpan(len(token_ids), rows))
        token_ids += [0] * len(rows) + part
    return tuple(token_ids), tuple(spans)
