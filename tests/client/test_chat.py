"""Chat completions and generated text; both clients."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

import mm
from mm.errors import GenerationInterrupted, InvalidInput, TooLarge, Unavailable
from tests.client.conftest import ClientKind, ScriptedService, reply_with, stream_of

PATH = "/v1/chat/completions"


def completion(text: str | None, **message: object) -> dict[str, object]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": "stop"}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "notes": ["a note."]}


def event(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}}
    document = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return f"data: {json.dumps(document)}\n\n".encode()


def generate_stream(kind: ClientKind, url: str, *args: object, limit: int = 100, **kwargs: Any) -> list[str]:
    """The first `limit` texts of a streamed generation."""
    texts: list[str] = []

    async def collect() -> None:
        async with mm.AsyncClient(url) as client:
            stream = await client.generate(*args, stream=True, **kwargs)
            async for text in stream:
                texts.append(text)
                if len(texts) == limit:
                    await stream.aclose()
                    return

    if kind.asynchronous:
        asyncio.run(collect())
        return texts
    with mm.Client(url) as client:
        stream = client.generate(*args, stream=True, **kwargs)
        for text in stream:
            texts.append(text)
            if len(texts) == limit:
                stream.close()
                break
    return texts


def sent(service: ScriptedService) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(service.requests[-1].body)
    return body


def test_chat_sends_what_is_given_and_returns_the_completion(service: ScriptedService, kind: ClientKind) -> None:
    service.on(PATH, reply_with(200, completion("hello")))
    messages = [{"role": "user", "content": "hi"}]
    result = kind.call(service.url, "chat", messages, max_tokens=5, stop=["x"], expert_preference=["caption"])
    assert result.choices[0].message.content == "hello"
    assert result.notes == ["a note."]
    assert sent(service) == {"messages": messages, "max_tokens": 5, "stop": ["x"], "expert_preference": ["caption"]}


def test_chat_returns_tool_calls(service: ScriptedService, kind: ClientKind) -> None:
    call = {"id": "t1", "type": "function", "function": {"name": "search", "arguments": "{}"}}
    service.on(PATH, reply_with(200, completion(None, tool_calls=[call])))
    tool = {"type": "function", "function": {"name": "search"}}
    result = kind.call(service.url, "chat", [{"role": "user", "content": "hi"}], tools=[tool], tool_choice="required")
    assert result.choices[0].message.tool_calls[0].function.name == "search"


def test_generate_sends_media_as_parts(service: ScriptedService, kind: ClientKind, tmp_path: Path) -> None:
    service.on(PATH, reply_with(200, completion("a dog")))
    (tmp_path / "a.png").write_bytes(b"png")
    (tmp_path / "a.WAV").write_bytes(b"wav")
    media = ["item1", tmp_path / "a.png", b"bytes", tmp_path / "a.WAV"]
    assert kind.call(service.url, "generate", "what?", media=media, max_tokens=9, temperature=0.5) == "a dog"
    item, image, data, audio, text = sent(service)["messages"][0]["content"]
    assert item == {"type": "media", "media_id": "item1"}
    assert image["image_url"]["url"].endswith(base64.b64encode(b"png").decode())
    assert data["image_url"]["url"].endswith(base64.b64encode(b"bytes").decode())
    assert audio == {"type": "input_audio", "input_audio": {"data": base64.b64encode(b"wav").decode(), "format": "wav"}}
    assert text == {"type": "text", "text": "what?"}
    assert (sent(service)["max_tokens"], sent(service)["temperature"]) == (9, 0.5)
    assert kind.call(service.url, "generate", "hello") == "a dog"
    assert sent(service) == {"messages": [{"role": "user", "content": "hello"}]}


def test_generate_of_an_unreadable_file_is_rejected(service: ScriptedService, kind: ClientKind, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        kind.call(service.url, "generate", "what?", media=tmp_path / "a.png")
    assert not service.requests


def test_generate_streams_texts(service: ScriptedService, kind: ClientKind) -> None:
    service.on(PATH, stream_of(event(""), event("a "), b": comment\n\n", event("dog"), b"data: [DONE]\n\n", b""))
    assert generate_stream(kind, service.url, "what?") == ["a ", "dog"]
    assert sent(service)["stream"] is True
    service.on(PATH, stream_of(event("a "), event("dog"), event("!"), b"data: [DONE]\n\n", b""))
    assert generate_stream(kind, service.url, "what?", limit=1) == ["a "]


def test_generate_raises_the_error_of_the_service(service: ScriptedService, kind: ClientKind) -> None:
    problem = {"type": "/problems/too-large", "title": "Too large", "status": 413, "detail": "Too long."}
    service.on(PATH, reply_with(413, problem, "application/problem+json"))
    with pytest.raises(TooLarge, match="Too long"):
        kind.call(service.url, "generate", "what?")
    with pytest.raises(TooLarge, match="Too long"):
        generate_stream(kind, service.url, "what?")


def test_stream_that_fails_after_its_start_is_interrupted(service: ScriptedService, kind: ClientKind) -> None:
    error = {"error": {"message": "Send the request again.", "type": "server_error", "code": "generation-interrupted"}}
    service.on(PATH, stream_of(event("a"), f"data: {json.dumps(error)}\n\n".encode(), b""))
    with pytest.raises(GenerationInterrupted, match="again"):
        generate_stream(kind, service.url, "what?")
    service.on(PATH, stream_of(event("a")))
    with pytest.raises(GenerationInterrupted, match="incomplete"):
        generate_stream(kind, service.url, "what?")
    service.on(PATH, stream_of(b"data: {}\n\n", b""))
    with pytest.raises(Unavailable, match="invalid event"):
        generate_stream(kind, service.url, "what?")
