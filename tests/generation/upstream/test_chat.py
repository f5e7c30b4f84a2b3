"""Chat over a real HTTP server with the dialects of vLLM, llama.cpp and Ollama."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mm.errors import GenerationInterrupted, InvalidInput, MMError, TooLarge, TooMany, Unavailable, UnsupportedMedia
from mm.generation import Choice, JsonSchema, SamplingParams, TaggedJson
from mm.generation.chat.types import (
    ChatDelta,
    ChatMessage,
    ChatRequest,
    ImageMedia,
    SoundMedia,
    Tool,
    ToolCall,
    Usage,
    VideoMedia,
)
from mm.generation.upstream import UpstreamChat
from mm.generation.upstream.answer import AnswerReader
from tests.generation.upstream.server import DIALECTS, Event, LanguageServer, chunk, run_language_server, usage, vllm

VECTOR = np.zeros(4, np.float32)
IMAGE = ImageMedia(np.zeros((1, 1, 4), np.float32), VECTOR, b"jpeg bytes", "a.jpg")
HELLO = ChatRequest((ChatMessage("user", "hello"),), SamplingParams(max_tokens=20, temperature=0.5))
SEARCH = Tool("search", "Search.", '{"type": "object", "properties": {"text": {"type": "string"}}}')


@pytest.fixture(scope="module")
def running() -> Iterator[LanguageServer]:
    with run_language_server() as state:
        yield state


@pytest.fixture
def server(running: LanguageServer) -> LanguageServer:
    running.responses.clear()
    running.bodies.clear()
    running.headers.clear()
    running.closed.clear()
    return running


def ask(server: LanguageServer, request: ChatRequest = HELLO, *responses: object, model: str = "m") -> list[ChatDelta]:
    server.responses += responses  # type: ignore[arg-type]
    return list(UpstreamChat(server.url, model, "secret").stream(request))


def text_of(deltas: list[ChatDelta]) -> str:
    return "".join(delta.text for delta in deltas)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_upstream_streams_the_dialects_of_servers(server: LanguageServer, dialect: str) -> None:
    deltas = ask(server, HELLO, DIALECTS[dialect](["Hel", "lo, ", "wörld"]))
    assert [delta.text for delta in deltas if delta.text] == ["Hel", "lo, ", "wörld"]
    assert deltas[-1].finish_reason == "stop"
    assert deltas[-1].usage == Usage(7, 2)
    assert server.headers[0]["Authorization"] == "Bearer secret"
    assert server.bodies[0] == {
        "model": "m",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 20,
        "temperature": 0.5,
        "top_p": 1.0,
        "chat_template_kwargs": {"enable_thinking": False},
    }


def test_upstream_streams_the_same_to_an_event_loop(server: LanguageServer) -> None:
    server.responses += [vllm(["a", "b"])]

    async def collect() -> list[ChatDelta]:
        return [delta async for delta in UpstreamChat(server.url, "m").stream_async(HELLO)]

    assert text_of(asyncio.run(collect())) == "ab"


def test_closed_stream_closes_the_connection(server: LanguageServer) -> None:
    async def cancel() -> None:
        stream = UpstreamChat(server.url, "m").stream_async(HELLO)
        await anext(stream)
        await stream.aclose()

    for is_async in (False, True):
        server.closed.clear()
        server.responses += [[chunk({"content": "a"}), "wait"]]
        if is_async:
            asyncio.run(cancel())
        else:
            stream = UpstreamChat(server.url, "m").stream(HELLO)
            next(stream)
            stream.close()
        assert server.closed.wait(60)


def test_upstream_without_a_name_uses_the_first_model(server: LanguageServer) -> None:
    ask(server, HELLO, vllm(["a"]), model="")
    assert server.bodies[0]["model"] == "first-model"


def test_frames_are_sent_as_data_urls(server: LanguageServer) -> None:
    media = (IMAGE, VideoMedia((), (IMAGE, replace(IMAGE, label=""))), SoundMedia(VECTOR, ("Dog",), "a.wav"))
    ask(server, replace(HELLO, messages=(ChatMessage("user", "what?", media),)), vllm(["a"]))
    url = {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,anBlZyBieXRlcw=="}}
    texts = ["a.jpg", "Video, 2 frames in their order:", "a.jpg", "Sound a.wav: Dog.", "what?"]
    first, video, frame, sound, question = ({"type": "text", "text": text} for text in texts)
    assert server.bodies[0]["messages"][0]["content"] == [first, url, video, frame, url, url, sound, question]
    with pytest.raises(UnsupportedMedia, match=r"a\.jpg"):
        ask(server, replace(HELLO, messages=(ChatMessage("user", "what?", (replace(IMAGE, jpeg=b""),)),)))


def test_parameters_schema_and_tools_are_passed_through(server: LanguageServer) -> None:
    params = SamplingParams(max_tokens=5, top_k=4, seed=9, stop=("x",), logprobs=2, grammar=JsonSchema('{"type": "object"}'))
    call = ToolCall("c1", "search", '{"text": "a"}')
    messages = (
        *HELLO.messages,
        ChatMessage("assistant", "", tool_calls=(call,)),
        ChatMessage("tool", "3 hits", tool_call_id="c1"),
    )
    ask(server, ChatRequest(messages, params, (SEARCH,), "search"), vllm(["{}"]))
    body = server.bodies[0]
    assert (body["top_k"], body["seed"], body["stop"], body["top_logprobs"]) == (4, 9, ["x"], 2)
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert body["tool_choice"] == {"type": "function", "function": {"name": "search"}}
    assert body["tools"][0]["function"]["parameters"]["properties"] == {"text": {"type": "string"}}
    assert body["messages"][1]["tool_calls"][0]["function"] == {"name": "search", "arguments": '{"text": "a"}'}
    assert body["messages"][2] == {"role": "tool", "tool_call_id": "c1", "content": "3 hits"}


def test_choice_is_an_enumeration_whose_answer_is_decoded(server: LanguageServer) -> None:
    params = replace(HELLO.params, grammar=Choice(("dog", "cat")))
    deltas = ask(server, replace(HELLO, params=params), vllm(['"d', 'og"']))
    assert text_of(deltas) == "dog"
    assert server.bodies[0]["response_format"]["json_schema"]["schema"] == {"type": "string", "enum": ["dog", "cat"]}
    with pytest.raises(InvalidInput):
        ask(server, replace(HELLO, params=replace(HELLO.params, grammar=TaggedJson("<a>", "{}", is_optional=True))))


@pytest.mark.parametrize(
    "calls",
    [
        [
            [{"index": 0, "id": "c1", "type": "function", "function": {"name": "search", "arguments": ""}}],
            [{"index": 0, "function": {"arguments": '{"text": '}}],
            [{"index": 0, "function": {"arguments": '"a"}'}}],
        ],
        [[{"id": "c1", "function": {"name": "search", "arguments": {"text": "a"}}}]],  # one event, no index, an object
    ],
)
def test_tool_calls_are_joined(server: LanguageServer, calls: list[list[object]]) -> None:
    events = [*(chunk({"tool_calls": part}) for part in calls), chunk({}, "stop"), "[DONE]"]
    deltas = ask(server, replace(HELLO, tools=(SEARCH,)), events)
    assert deltas[-1].finish_reason == "tool_calls"
    assert deltas[-1].tool_calls == (ToolCall("c1", "search", '{"text": "a"}'),)


def test_logprobs_are_read(server: LanguageServer) -> None:
    token = {"token": "é", "bytes": [195, 169], "logprob": -0.5, "top_logprobs": [{"token": "e", "bytes": None, "logprob": -1.0}]}
    deltas = ask(server, HELLO, [chunk({"content": "é"}, logprobs={"content": [token]}), chunk({}, "length"), "[DONE]"])
    (logprob,) = deltas[0].logprobs
    assert (logprob.token, logprob.data, logprob.logprob) == ("é", "é".encode(), -0.5)
    assert [(other.token, other.data) for other in logprob.top] == [("e", b"e")]
    assert deltas[-1].finish_reason == "length"


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["<thi", "nk>\nwell", "</think>\n\n", "Yes"], "Yes"),
        (["<think></think>Yes"], "Yes"),
        (["<the> ", "<think>"], "<the> <think>"),
        (["<think> and no end"], ""),
        (["<th"], "<th"),
    ],
)
def test_thinking_is_left_out(server: LanguageServer, pieces: list[str], text: str) -> None:
    events = [chunk({"reasoning_content": "hm"}), *(chunk({"content": piece}) for piece in pieces), chunk({}, "stop"), "[DONE]"]
    assert text_of(ask(server, HELLO, events)) == text


def test_expert_preference_is_ignored_with_a_note(server: LanguageServer) -> None:
    deltas = ask(server, replace(HELLO, expert_preference=("caption",)), vllm(["a"]))
    assert "expert_preference is ignored" in deltas[-1].notes[0]


ERRORS: list[tuple[int, object, dict[str, str], type[MMError], str]] = [
    (401, {"error": {"message": "bad key", "code": "invalid_api_key"}}, {}, Unavailable, "MM_LANGUAGE_API_KEY.*bad key"),
    (404, {"error": "model 'm' not found"}, {}, Unavailable, "MM_LANGUAGE_MODEL.*not found"),
    (400, {"object": "error", "message": "bad temperature", "code": 400}, {}, InvalidInput, "bad temperature"),
    (400, {"error": {"code": 400, "message": "the request exceeds the available context size"}}, {}, TooLarge, "context size"),
    (422, {"detail": "wrong"}, {}, InvalidInput, "wrong"),
    (413, {}, {}, TooLarge, "413"),
    (500, {"error": {"message": "out of memory"}}, {}, Unavailable, "out of memory"),
]


@pytest.mark.parametrize(
    ("status", "document", "headers", "error", "message"), ERRORS, ids=[f"{e[0]}-{e[3].__name__}" for e in ERRORS]
)
def test_error_responses_are_named(
    server: LanguageServer, status: int, document: object, headers: dict[str, str], error: type[MMError], message: str
) -> None:
    with pytest.raises(error, match=message) as raised:
        ask(server, HELLO, (status, document, headers))
    assert type(raised.value) is error
    assert len(server.bodies) == 1


def test_overloaded_server_gets_the_request_again_before_the_first_token(
    server: LanguageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays: list[float] = []
    monkeypatch.setattr("mm.generation.upstream.chat.time.sleep", delays.append)
    busy = (503, {"error": {"message": "loading model"}}, {})
    assert text_of(ask(server, HELLO, busy, (429, {}, {"Retry-After": "3"}), vllm(["a"]))) == "a"
    assert delays == [0.5, 3.0]
    with pytest.raises(TooMany, match="too many") as raised:
        ask(server, HELLO, *[(429, {}, {"Retry-After": "7"})] * 3)
    assert raised.value.retry_after == 7


def test_server_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    delays: list[float] = []
    monkeypatch.setattr("mm.generation.upstream.chat.time.sleep", delays.append)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port} does not respond"):
        list(UpstreamChat(f"http://127.0.0.1:{port}", "m").stream(HELLO))
    assert len(delays) == 2


def test_refused_fields_are_left_out_from_then_on(server: LanguageServer) -> None:
    refusal = (400, {"error": {"message": "Unrecognized request argument supplied: chat_template_kwargs"}}, {})
    renamed = (400, {"error": {"message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}}, {})
    no_seed = (422, {"detail": "extra field: seed"}, {})
    chat = UpstreamChat(server.url, "m")
    server.responses += [refusal, renamed, no_seed, vllm(["a"]), vllm(["b"])]
    request = replace(HELLO, params=replace(HELLO.params, seed=1))
    deltas = list(chat.stream(request))
    assert deltas[-1].notes == (f"seed is ignored by the language server {chat.server}.",)
    list(chat.stream(HELLO))
    body = server.bodies[-1]
    assert {"chat_template_kwargs", "max_tokens", "seed"}.isdisjoint(body)
    assert body["max_completion_tokens"] == 20


def test_errors_of_the_stream_interrupt_the_answer(server: LanguageServer) -> None:
    begin = chunk({"content": "a"})
    for events in (
        [begin, {"error": {"message": "engine died", "code": 500}}, "[DONE]"],
        [begin, 'error: {"code": 500, "message": "engine died"}'],
        [begin],
        [begin, "[DONE]"],
        [begin, "not json"],
    ):
        with pytest.raises(GenerationInterrupted, match="again"):
            ask(server, HELLO, events)


def list_nodes(node: Any) -> Iterator[tuple[Any, Any]]:
    """The containers and keys of all values inside of a document."""
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        yield node, key
        if isinstance(node[key], dict | list):
            yield from list_nodes(node[key])


def test_malformed_event_is_read_or_interrupts_the_answer() -> None:
    logprob: Event = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [{"token": "a", "logprob": -0.5}]}
    call = {"index": 0, "id": "c", "function": {"name": "n", "arguments": "{}"}}
    delta = chunk({"content": "a", "tool_calls": [call]}, "stop", logprobs={"content": [logprob]})
    event = {**delta, "usage": {**usage(), "prompt_tokens_details": {"cached_tokens": 1}}}
    for node, key in list_nodes(event):
        right = node[key]
        for wrong in (None, True, 5, 10**30, -1.5, "x", [], [5], [[]], {}, {"a": 1}):
            node[key] = wrong
            reader = AnswerReader("a:1")
            with contextlib.suppress(GenerationInterrupted):
                reader.push_line(f"data: {json.dumps(event)}")
                reader.finish()
        node[key] = right


def test_silent_server_interrupts_the_answer(server: LanguageServer) -> None:
    server.responses += [[chunk({"content": "a"}), "wait"]]
    with pytest.raises(GenerationInterrupted, match=r"0\.1 s \(MM_LANGUAGE_SECONDS\)"):
        list(UpstreamChat(server.url, "m", silence_seconds=0.1).stream(HELLO))


def test_comments_and_cached_tokens_are_read(server: LanguageServer) -> None:
    last = {"choices": [], "usage": {**usage(), "prompt_tokens_details": {"cached_tokens": 5}}}
    deltas = ask(server, HELLO, [": keep-alive", chunk({"content": "a"}), chunk({}, "content_filter"), last, "[DONE]"])
    assert deltas[-1].usage == Usage(7, 2, 5)
    assert "content_filter" in deltas[-1].notes[0]


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://a/v1", "http://", "http://a:port", ""])
def test_invalid_url_is_rejected(url: str) -> None:
    with pytest.raises(InvalidInput, match="MM_LANGUAGE_URL"):
        UpstreamChat(url)


def test_url_without_a_path_is_that_of_the_api_version_one() -> None:
    urls = {
        "http://a": "http://a/v1",
        "http://a:8000/": "http://a:8000/v1",
        "https://a/v1beta/openai/": "https://a/v1beta/openai",
    }
    for url, expected in urls.items():
        assert UpstreamChat(url)._endpoint == f"{expected}/chat/completions"
