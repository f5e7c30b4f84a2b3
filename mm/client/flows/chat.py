"""Chat completions, whole and streamed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mm.client.files import encode_file, make_data_url
from mm.client.responses import parse_body, parse_error, parse_event, parse_openai_error
from mm.client.steps import SILENCE_SECONDS, Close, Flow, OpenStream, ReadLine, Send, Stream
from mm.errors import GenerationInterrupted, Unavailable
from mm.schemas import ChatCompletion, ChatCompletionChunk, Item

PATH = "/v1/chat/completions"
AUDIO_SUFFIXES = frozenset({".wav", ".mp3", ".ogg", ".opus", ".flac", ".m4a", ".aac"})

Media = str | Item | Path | bytes
"""Media of a prompt: an item of the library or its id, an image or audio file, or the bytes of an
image."""
Message = Mapping[str, object]
"""A message in OpenAI's format."""


def chat(
    messages: Sequence[Message],
    *,
    model: str | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    seed: int | None = None,
    stop: Sequence[str] = (),
    tools: Sequence[Message] = (),
    tool_choice: str | Message | None = None,
    response_format: Message | None = None,
    expert_preference: Sequence[str] = (),
) -> Flow[ChatCompletion]:
    """Continue a conversation in OpenAI's format.

    A part `{"type": "media", "media_id": ..., "start": ..., "end": ...}` of a content is an item of
    the library. `notes` of the completion lists what was not done as requested. Raises
    `InvalidInput`, `NotFound`, `TooLarge`, `UnsupportedMedia`, `MediaError`, `TooMany`,
    `Unavailable`, and `GenerationInterrupted` for a request that may be sent again.
    """
    body = {
        "messages": [dict(message) for message in messages],
        "model": model,
        "max_tokens": max_tokens,
        "temperature": temperature,
        "top_p": top_p,
        "seed": seed,
        "stop": list(stop) or None,
        "tools": [dict(tool) for tool in tools] or None,
        "tool_choice": tool_choice,
        "response_format": response_format,
        "expert_preference": list(expert_preference) or None,
    }
    return (yield from complete({name: value for name, value in body.items() if value is not None}))


def complete(body: Mapping[str, object]) -> Flow[ChatCompletion]:
    """The completion of a request body."""
    return parse_body((yield from Send("POST", PATH, json=dict(body))), ChatCompletion)


def build_prompt_body(
    prompt: str,
    media: Media | Sequence[Media] | None,
    max_tokens: int | None,
    temperature: float | None,
    expert_preference: Sequence[str],
) -> dict[str, object]:
    """The body of a request of one user message. Raises `InvalidInput` for an unreadable file."""
    listed = [] if media is None else [media] if isinstance(media, Media) else media
    parts = [*(_build_part(entry) for entry in listed), {"type": "text", "text": prompt}]
    body: dict[str, object] = {"messages": [{"role": "user", "content": parts if listed else prompt}]}
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    if temperature is not None:
        body["temperature"] = temperature
    if expert_preference:
        body["expert_preference"] = list(expert_preference)
    return body


class TextStream:
    """The text of a streamed completion, piece by piece."""

    def __init__(self, body: Mapping[str, object]) -> None:
        self._body = {**body, "stream": True}
        self._stream: Stream | None = None

    def next(self) -> Flow[str | None]:
        """Return the next text; None at the end.

        Raises the error that the service reports, `GenerationInterrupted` when the connection is
        lost after the first text.
        """
        is_first = self._stream is None
        try:
            while True:
                chunk = yield from self._read_chunk()
                if chunk is None:
                    return None
                text = "".join(choice.delta.content or "" for choice in chunk.choices)
                if text:
                    return text
                is_first = False
        except Unavailable as error:
            if is_first or isinstance(error, GenerationInterrupted):
                raise
            raise GenerationInterrupted(f"{error} The answer is incomplete; send the request again.") from error

    def close(self) -> Flow[None]:
        """Close the connection, which cancels an incomplete answer."""
        stream, self._stream = self._stream, None
        if stream is not None:
            yield from Close(stream)

    def _read_chunk(self) -> Flow[ChatCompletionChunk | None]:
        if self._stream is None:
            self._stream = yield from OpenStream(PATH, {}, SILENCE_SECONDS, json=self._body)
            if self._stream.response.status != 200:
                raise parse_error(self._stream.response)
        while True:
            line = yield from ReadLine(self._stream)
            if line is None:
                raise Unavailable(f"The stream of {self._stream.response.url} ended early.")
            name, _, data = line.partition(":")
            if name != "data":
                continue
            if data.strip() == "[DONE]":
                return None
            if (error := parse_openai_error(data)) is not None:
                raise error
            return parse_event(data, ChatCompletionChunk, self._stream.response.url)


def _build_part(media: Media) -> dict[str, object]:
    if isinstance(media, Item):
        return {"type": "media", "media_id": media.id}
    if isinstance(media, str):
        return {"type": "media", "media_id": media}
    if isinstance(media, Path) and media.suffix.lower() in AUDIO_SUFFIXES:
        audio = {"data": encode_file(media), "format": media.suffix[1:].lower()}
        return {"type": "input_audio", "input_audio": audio}
    return {"type": "image_url", "image_url": {"url": make_data_url(media)}}
