"""Chat over an engine process: streams, tools, schemas, idle end and faults."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from mm.errors import GenerationInterrupted, InvalidInput, TooLarge, Unavailable
from mm.generation import JsonSchema, SamplingParams
from mm.generation.chat.local import LocalChat
from mm.generation.chat.types import ChatDelta, ChatMessage, ChatRequest, Tool
from mm.models.language.expert_preference import ExpertGroups
from tests.generation.chat.tiny import MOE_CONFIG, load_tiny, load_tiny_moe, make_image, make_no_engine
from tests.models.language.models import MOE
from tests.waiting import call_when_available, wait_for

pytestmark = pytest.mark.xdist_group("chat process")

HELLO = ChatRequest((ChatMessage("user", "hello"),), SamplingParams(max_tokens=12, seed=3))
LONG = replace(HELLO, params=SamplingParams(max_tokens=900, seed=1, ignore_eos=True))


@pytest.fixture(scope="module")
def chat() -> Iterator[LocalChat]:
    chat = LocalChat("tiny", load_tiny)
    yield chat
    chat.close()


def generate(chat: LocalChat, request: ChatRequest) -> list[ChatDelta]:
    """The deltas, from the process that follows a failed one."""
    return call_when_available(lambda: list(chat.stream(request)))


def text_of(deltas: list[ChatDelta]) -> str:
    return "".join(delta.text for delta in deltas)


def test_local_chat_streams_text_and_its_usage(chat: LocalChat) -> None:
    deltas = generate(chat, HELLO)
    assert [delta.finish_reason for delta in deltas[:-1]] == [None] * (len(deltas) - 1)
    assert deltas[-1].finish_reason in ("stop", "length")
    usage = deltas[-1].usage
    assert usage is not None
    assert usage.completion_tokens <= 12
    again = generate(chat, HELLO)
    assert text_of(again) == text_of(deltas)
    assert again[-1].usage is not None
    assert again[-1].usage.cached_tokens > 0


def test_local_chat_streams_the_same_to_an_event_loop(chat: LocalChat) -> None:
    async def collect() -> list[ChatDelta]:
        return [delta async for delta in chat.stream_async(HELLO)]

    expected = text_of(generate(chat, HELLO))
    assert text_of(asyncio.run(collect())) == expected


def test_image_changes_the_answer_and_is_cached(chat: LocalChat) -> None:
    requests = [replace(HELLO, messages=(ChatMessage("user", "what is this?", (make_image(seed),)),)) for seed in (1, 2, 1)]
    texts = [generate(chat, request) for request in requests]
    assert text_of(texts[0]) == text_of(texts[2]) != text_of(texts[1])
    usages = [deltas[-1].usage for deltas in texts]
    assert usages[2] is not None
    assert usages[1] is not None
    assert usages[2].cached_tokens > usages[1].cached_tokens


def test_schema_restricts_the_answer(chat: LocalChat) -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": False}
    params = SamplingParams(max_tokens=100, grammar=JsonSchema(json.dumps(schema)))
    deltas = generate(chat, replace(HELLO, params=params))
    assert isinstance(json.loads(text_of(deltas))["ok"], bool)
    assert deltas[-1].finish_reason == "stop"


def test_schema_that_matches_nothing_is_rejected(chat: LocalChat) -> None:
    params = SamplingParams(grammar=JsonSchema('{"type": "integer", "minimum": 5, "maximum": 4}'))
    generate(chat, HELLO)
    with pytest.raises(InvalidInput, match="grammar"):
        list(chat.stream(replace(HELLO, params=params)))


def test_required_tool_is_called_with_valid_arguments(chat: LocalChat) -> None:
    parameters = {"properties": {"k": {"enum": [1, 2]}}, "required": ["k"], "additionalProperties": False}
    tools = (Tool("search", "", json.dumps(parameters)), Tool("count", "", json.dumps(parameters)))
    deltas = generate(chat, replace(HELLO, params=replace(HELLO.params, max_tokens=200), tools=tools, tool_choice="count"))
    (call,) = deltas[-1].tool_calls
    assert call.name == "count"
    assert json.loads(call.arguments)["k"] in (1, 2)
    assert deltas[-1].finish_reason == "tool_calls"
    assert text_of(deltas) == ""


def test_logprobs_describe_each_token(chat: LocalChat) -> None:
    deltas = generate(chat, replace(HELLO, params=SamplingParams(max_tokens=5, logprobs=3, temperature=0.0, ignore_eos=True)))
    tokens = [token for delta in deltas for token in delta.logprobs]
    assert len(tokens) == 5
    for token in tokens:
        assert len(token.top) == 3
        assert token.logprob == token.top[0].logprob < 0
        assert np.exp([other.logprob for other in token.top]).sum() <= 1


def test_expert_preference_of_a_dense_model_is_ignored_with_a_note(chat: LocalChat) -> None:
    deltas = generate(chat, replace(HELLO, expert_preference=("caption",)))
    assert "no groups of experts" in deltas[-1].notes[0]


def test_too_long_message_is_rejected(chat: LocalChat) -> None:
    with pytest.raises(TooLarge):
        list(chat.stream(replace(HELLO, messages=(ChatMessage("user", "x" * 2000),))))


def test_killed_process_interrupts_the_answer_and_is_started_again(chat: LocalChat) -> None:
    generate(chat, HELLO)
    stream = chat.stream(LONG)
    next(stream)
    assert chat._loaded is not None
    process = chat._loaded[1].process
    assert process is not None
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(GenerationInterrupted):
        list(stream)
    assert generate(chat, HELLO)[-1].finish_reason is not None


def test_cancelled_task_releases_the_process(chat: LocalChat) -> None:
    async def cancel() -> None:
        stream = chat.stream_async(LONG)
        await anext(stream)
        await stream.aclose()

    generate(chat, HELLO)
    asyncio.run(cancel())
    wait_for(lambda: b'finished_reason="abort"' in chat.report_metrics(), "the end of the cancelled request")


def test_idle_process_ends_and_is_started_again() -> None:
    chat = LocalChat("tiny", load_tiny, idle_seconds=0.01)
    try:
        first = generate(chat, HELLO)
        assert chat._loaded is not None
        loaded = chat._loaded[1]
        wait_for(lambda: loaded.process is None, "the end of the idle process")
        assert chat.report_metrics() == b""
        assert text_of(generate(chat, HELLO)) == text_of(first)
    finally:
        chat.close()
    with pytest.raises(Unavailable, match="stopping"):
        list(chat.stream(HELLO))


def test_engine_that_cannot_be_made_is_reported() -> None:
    chat = LocalChat("tiny", lambda: replace(load_tiny(), make_engine=make_no_engine))
    for _ in range(2):
        with pytest.raises(Unavailable, match="no weights"):
            list(chat.stream(HELLO))
    chat.close()


def test_expert_preference_biases_the_router() -> None:
    shares = {
        name: np.roll(np.eye(MOE.num_experts, dtype=np.float32)[:2], shift, 1) for shift, name in enumerate(("count", "caption"))
    }
    groups = ExpertGroups("digest", shares)
    chat = LocalChat("moe", lambda: replace(load_tiny_moe(), make_expert_bias=partial(groups.make_bias, MOE_CONFIG)))
    try:
        params = SamplingParams(max_tokens=3, temperature=0.0, logprobs=5, ignore_eos=True)
        none, count, avoided = (
            [
                token.top
                for delta in chat.stream(replace(HELLO, params=params, expert_preference=names))
                for token in delta.logprobs
            ]
            for names in ((), ("count",), ("-count",))
        )
        assert none != count != avoided != none
        with pytest.raises(InvalidInput, match="Groups are: caption, count"):
            list(chat.stream(replace(HELLO, expert_preference=("cooking",))))
    finally:
        chat.close()
