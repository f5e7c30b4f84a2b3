"""Chat completions with OpenAI's official client, from a small language model in its process."""

from __future__ import annotations

import base64
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal

import openai
import pytest
from pydantic import BaseModel

import mm
from mm.errors import TooLarge
from mm.generation.chat.local import LocalChat
from tests.api import media
from tests.api.conftest import assert_problem
from tests.waiting import LIMIT_SECONDS, wait_for

if TYPE_CHECKING:
    from tests.api.conftest import ApiServer, KeyedServer

pytestmark = pytest.mark.xdist_group("chat api")

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
PATH = "/v1/chat/completions"
IMPOSSIBLE = {"type": "json_schema", "json_schema": {"schema": {"type": "integer", "minimum": 2, "maximum": 1}}}

LONG = {"type": "json_schema", "json_schema": {"schema": {"enum": ["a" * 100_000]}}}


def user(*parts: dict[str, object]) -> list[Any]:
    return [{"role": "user", "content": list(parts)}]


def url_part(url: str) -> dict[str, object]:
    return {"type": "image_url", "image_url": {"url": url}}


def image_url(seed: int) -> dict[str, object]:
    return url_part(f"data:image/png;base64,{base64.b64encode(media.image(seed)).decode()}")


def complete(client: openai.OpenAI, messages: list[Any] = HELLO, **values: Any) -> Any:
    return client.chat.completions.create(model="default", messages=messages, **{"max_tokens": 12, "seed": 5, **values})


def text_of(client: openai.OpenAI, messages: list[Any], **values: Any) -> str:
    text: str = complete(client, messages, **values).choices[0].message.content
    return text


def test_completion_has_text_reason_and_usage(client: openai.OpenAI) -> None:
    completion = complete(client)
    (choice,) = completion.choices
    assert choice.finish_reason in ("stop", "length")
    assert choice.message.content
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    assert completion.model == "smollm2-135m"
    assert complete(client).choices[0].message.content == choice.message.content  # the same seed


def test_stream_has_the_text_of_the_completion_and_the_usage(client: openai.OpenAI) -> None:
    expected = complete(client, seed=7)
    chunks = list(complete(client, seed=7, stream=True, stream_options={"include_usage": True}))
    assert (
        "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == expected.choices[0].message.content
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == expected.choices[0].finish_reason
    assert chunks[-1].usage.completion_tokens == expected.usage.completion_tokens
    assert all(chunk.usage is None for chunk in complete(client, seed=7, stream=True))


def test_stream_has_the_log_probabilities_and_the_stop_of_the_completion(client: openai.OpenAI, items: dict[str, str]) -> None:
    messages = user(image_url(51), {"type": "media", "media_id": items["video"]}, {"type": "text", "text": "what?"})
    values: dict[str, Any] = {"seed": 11, "temperature": 0.7, "max_tokens": 20, "logprobs": True, "top_logprobs": 3}
    whole = complete(client, messages, **values).choices[0].message.content
    values["stop"] = [whole[len(whole) // 2 :][:2], "never"]
    expected = complete(client, messages, **values).choices[0]
    choices = [chunk.choices[0] for chunk in complete(client, messages, stream=True, **values) if chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == expected.message.content
    assert [token for choice in choices if choice.logprobs for token in choice.logprobs.content] == expected.logprobs.content
    assert choices[-1].finish_reason == expected.finish_reason == "stop"
    assert expected.message.content == whole[: whole.index(values["stop"][0])]


def test_stream_of_a_schema_is_its_json(client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"n": {"enum": [1, 22, 333]}}, "required": ["n"], "additionalProperties": False}
    response_format = {"type": "json_schema", "json_schema": {"name": "number", "schema": schema, "strict": True}}
    chunks = list(complete(client, stream=True, response_format=response_format, max_tokens=60))
    assert json.loads("".join(chunk.choices[0].delta.content or "" for chunk in chunks))["n"] in (1, 22, 333)


class Verdict(BaseModel):
    ok: bool
    n: Literal[1, 2]


def test_client_parses_what_a_model_of_pydantic_describes(client: openai.OpenAI) -> None:
    values: Any = {"model": "default", "messages": HELLO, "response_format": Verdict, "max_tokens": 60, "seed": 3}
    whole = client.chat.completions.parse(**values).choices[0].message.parsed
    assert isinstance(whole, Verdict)
    with client.chat.completions.stream(**values) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == whole


def test_stream_of_a_tool_call_has_its_arguments(client: openai.OpenAI) -> None:
    parameters = {"type": "object", "properties": {"k": {"enum": [1, 2]}}, "required": ["k"], "additionalProperties": False}
    tools = [{"type": "function", "function": {"name": "count", "description": "Counts.", "parameters": parameters}}]
    chunks = list(complete(client, tools=tools, tool_choice="required", max_tokens=150, stream=True))
    (call,) = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert call.function.name == "count"
    assert json.loads(call.function.arguments)["k"] in (1, 2)
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    assert not any(chunk.choices[0].delta.content for chunk in chunks)


def test_response_format_restricts_the_text(client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": False}
    response_format = {"type": "json_schema", "json_schema": {"name": "verdict", "schema": schema, "strict": True}}
    assert isinstance(json.loads(text_of(client, HELLO, response_format=response_format, max_tokens=60))["ok"], bool)


def test_tool_is_called_and_its_result_continues_the_conversation(client: openai.OpenAI) -> None:
    parameters = {"type": "object", "properties": {"k": {"enum": [1, 2]}}, "required": ["k"], "additionalProperties": False}
    tools = [{"type": "function", "function": {"name": name, "parameters": parameters}} for name in ("search", "count")]
    choice = {"type": "function", "function": {"name": "count"}}
    completion = complete(client, tools=tools, tool_choice=choice, max_tokens=150)
    (call,) = completion.choices[0].message.tool_calls
    assert completion.choices[0].finish_reason == "tool_calls"
    assert completion.choices[0].message.content is None
    assert call.function.name == "count"
    assert json.loads(call.function.arguments)["k"] in (1, 2)
    chunks = list(complete(client, tools=tools, tool_choice="required", max_tokens=150, stream=True))
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert [call.index for call in calls] == [0]
    result = {"role": "tool", "tool_call_id": call.id, "content": "3 items"}
    assert complete(client, [*HELLO, completion.choices[0].message, result], tools=tools).choices[0].finish_reason


def test_logprobs_and_stop_strings(client: openai.OpenAI) -> None:
    completion = complete(client, logprobs=True, top_logprobs=2, temperature=0)
    tokens = completion.choices[0].logprobs.content
    assert len(tokens) == completion.usage.completion_tokens
    assert all(len(token.top_logprobs) == 2 and token.logprob <= 0 for token in tokens)
    text = text_of(client, HELLO, temperature=0)
    middle = text[len(text) // 2]
    assert text_of(client, HELLO, temperature=0, stop=[middle]) == text[: text.index(middle)]


def test_images_change_the_text(client: openai.OpenAI, items: dict[str, str]) -> None:
    question = {"type": "text", "text": "what is this?"}
    texts = [text_of(client, user(image_url(seed), question), temperature=0) for seed in (1, 2, 1)]
    assert texts[0] == texts[2] != texts[1]
    assert text_of(client, user(image_url(51), question), temperature=0) == text_of(
        client, user({"type": "media", "media_id": items["image"]}, question), temperature=0
    )
    of_library = url_part(f"/v1/media/{items['image']}/content")
    assert text_of(client, user(of_library, question), temperature=0) == text_of(
        client, user({"type": "media", "media_id": items["image"]}, question), temperature=0
    )


def test_items_of_the_library_are_read(client: openai.OpenAI, items: dict[str, str]) -> None:
    whole = complete(client, user({"type": "media", "media_id": items["video"]}))
    first = complete(client, user({"type": "media", "media_id": items["video"], "start": 0, "end": 1}))
    assert whole.usage.prompt_tokens > first.usage.prompt_tokens + len("Spoken words: here is my recipe")
    siren = complete(client, user({"type": "media", "media_id": items["audio"]}))
    assert siren.usage.prompt_tokens > 0


def test_silent_audio_is_rejected(chat_server: ApiServer) -> None:
    data = base64.b64encode(media.wav_header(3200) + bytes(3200)).decode()
    part = {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    response = chat_server.client.post(PATH, json={"messages": user(part)})
    assert "silent" in assert_problem(response, 400, "invalid-input")["detail"]


def test_audio_without_speech_enters_as_a_sound(client: openai.OpenAI) -> None:
    data = base64.b64encode(media.audio(1.0)).decode()
    part = {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    assert complete(client, user(part)).usage.prompt_tokens > 0


def media_part(**values: object) -> dict[str, object]:
    return {"messages": user({"type": "media", **values})}


@pytest.mark.parametrize(
    ("body", "status", "slug", "words"),
    [
        ({}, 400, "invalid-input", "messages"),
        ({"messages": []}, 400, "invalid-input", "messages"),
        ({"messages": [{"role": "user", "content": ""}]}, 400, "invalid-input", "empty"),
        ({"messages": [{"role": "user", "content": " \n"}]}, 400, "invalid-input", "empty"),
        ({"messages": [{"role": "robot", "content": "a"}]}, 400, "invalid-input", "role"),
        ({"messages": HELLO * 10_000}, 413, "too-large", "MM_CHAT_MESSAGES"),
        ({"messages": [{"role": "user", "content": "a" * 5001}]}, 413, "too-large", "MM_CHAT_CHARS"),
        ({"messages": [{"role": "user", "content": "a" * 1500}]}, 413, "too-large", "max_tokens"),
        ({"messages": user(*[url_part("data:image/png;base64,")] * 17)}, 413, "too-large", "17"),
        ({"messages": HELLO, "model": "gpt-9"}, 404, "not-found", "smollm2-135m"),
        ({"messages": HELLO, "n": 2}, 400, "invalid-input", "n is 2"),
        ({"messages": HELLO, "frequency_penalty": 1}, 400, "invalid-input", "frequency_penalty"),
        ({"messages": HELLO, "logit_bias": {"5": 1}}, 400, "invalid-input", "logit_bias"),
        ({"messages": HELLO, "top_logprobs": 2}, 400, "invalid-input", "logprobs"),
        ({"messages": HELLO, "temperature": -1}, 400, "invalid-input", "temperature"),
        ({"messages": HELLO, "stop": [""]}, 400, "invalid-input", "stop"),
        ({"messages": HELLO, "response_format": {"type": "json_schema"}}, 400, "invalid-input", "json_schema"),
        ({"messages": HELLO, "response_format": LONG}, 413, "too-large", "100,000"),
        ({"messages": HELLO, "response_format": IMPOSSIBLE}, 400, "invalid-input", "grammar"),
        ({"messages": HELLO, "tool_choice": "required"}, 400, "invalid-input", "tools"),
        ({"messages": HELLO, "tools": [{"type": "function", "function": {"name": "a b"}}]}, 400, "invalid-input", "name"),
        ({"messages": [{"role": "system", "content": [image_url(1)]}, *HELLO]}, 400, "invalid-input", "text only"),
        ({"messages": user(url_part("https://a.example/b.png"))}, 400, "invalid-input", "data URL"),
        ({"messages": user(url_part("data:image/png;base64,%%"))}, 400, "invalid-input", "base64"),
        ({"messages": user(url_part("data:image/png;base64,Ø"))}, 400, "invalid-input", "base64"),
        ({"messages": user(url_part("data:image/png;base64,AAAA"))}, 415, "unsupported-media", "image"),
        ({"messages": user(url_part("data:text/html;base64,AAAA"))}, 400, "invalid-input", "TYPE"),
        (media_part(media_id="nothing"), 404, "not-found", "nothing"),
        (media_part(media_id="video", start=2, end=1), 400, "invalid-input", "empty"),
        (media_part(media_id="video", start=500), 400, "invalid-input", "500"),
        (media_part(media_id="waiting"), 409, "conflict", "not encoded"),
    ],
)  # fmt: skip
def test_bad_requests_are_named(
    chat_server: ApiServer, items: dict[str, str], body: dict[str, Any], status: int, slug: str, words: str
) -> None:
    for message in body.get("messages", ())[:1]:
        for part in message["content"] if isinstance(message["content"], list) else ():
            if "media_id" in part:
                part["media_id"] = items.get(part["media_id"], part["media_id"])
    response = chat_server.client.post(PATH, json=body)
    document = assert_problem(response, status, slug)
    assert words in document["detail"]
    assert document["error"]["message"] == document["detail"]
    assert document["error"]["code"] == slug


def test_client_of_openai_raises_its_own_errors(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="only one completion") as raised:
        complete(client, n=3)
    assert raised.value.code == "invalid-input"
    with pytest.raises(openai.NotFoundError, match="gpt-9"):
        client.chat.completions.create(model="gpt-9", messages=HELLO)


def test_read_scope_is_enough_and_a_wrong_key_is_refused(keyed: KeyedServer) -> None:
    _, header = keyed.key("read")
    client = keyed.running.client
    assert client.post(PATH, json={"messages": []}, headers=header).status_code == 400
    assert client.post(PATH, json={"messages": HELLO}).status_code == 401
    with (
        openai.OpenAI(base_url=f"{keyed.url}/v1", api_key="mm_wrong", max_retries=0) as wrong,
        pytest.raises(openai.AuthenticationError),
    ):
        complete(wrong)


def test_expert_preference_is_noted(client: openai.OpenAI) -> None:
    completion = complete(client, extra_body={"expert_preference": ["caption"]})
    assert "no groups of experts" in completion.notes[0]


def read_metric(server: ApiServer, name: str) -> float:
    lines = [line for line in server.client.get("/metrics").text.splitlines() if line.startswith(name)]
    return float(lines[0].rpartition(" ")[2]) if lines else 0.0


@pytest.mark.parametrize("stream", [True, False])
def test_disconnected_client_cancels_the_generation(client: openai.OpenAI, chat_server: ApiServer, stream: bool) -> None:
    complete(client)
    name = 'vllm:request_success_total{finished_reason="abort"}'
    before = read_metric(chat_server, name)
    schema = {"type": "json_schema", "json_schema": {"schema": {"type": "string", "minLength": 700}}}  # does not end early
    if stream:
        response = complete(client, stream=True, max_tokens=900, response_format=schema)
        next(iter(response))
        response.close()
    else:
        with pytest.raises(openai.APITimeoutError):
            complete(client, max_tokens=900, response_format=schema, timeout=0.3)
    wait_for(lambda: read_metric(chat_server, name) != before, "the end of the cancelled request")
    assert read_metric(chat_server, "vllm:num_requests_running") == 0
    assert read_metric(chat_server, "vllm:kv_cache_usage_perc") == 0, "its blocks are free"


def test_metrics_have_the_names_of_vllm(client: openai.OpenAI, chat_server: ApiServer) -> None:
    complete(client)
    text = chat_server.client.get("/metrics").text
    for name in (
        "time_to_first_token_seconds_count",
        "inter_token_latency_seconds_count",
        "request_queue_time_seconds_count",
        "e2e_request_latency_seconds_count",
        "num_requests_running",
        "num_requests_waiting",
        "kv_cache_usage_perc",
        "num_preemptions_total",
        "prompt_tokens_total",
        "generation_tokens_total",
        "prefix_cache_queries_total",
        "prefix_cache_hits_total",
        'request_success_total{finished_reason="',
    ):
        assert f"\nvllm:{name}" in text
    assert 'mm_limit_places{resource="chats"}' in text


def test_killed_engine_fails_with_a_retryable_error_and_recovers(client: openai.OpenAI, chat_server: ApiServer) -> None:
    schema = {"type": "json_schema", "json_schema": {"schema": {"type": "string", "minLength": 700}}}
    values: dict[str, Any] = {"max_tokens": 900, "response_format": schema}
    expected = text_of(client, seed=0, messages=HELLO, max_tokens=40)
    chat = chat_server.service.chat_models.default
    assert isinstance(chat, LocalChat)
    assert chat._loaded is not None
    process = chat._loaded[1].process
    assert process is not None
    assert process.pid is not None
    streams = [complete(client, stream=True, seed=seed, **values) for seed in range(8)]
    with ThreadPoolExecutor() as pool:
        completions = [pool.submit(complete, client, seed=seed, **values) for seed in range(4)]
        for stream in streams:
            next(stream)
        states = [f"vllm:num_requests_{state}" for state in ("running", "waiting")]
        wait_for(lambda: sum(read_metric(chat_server, state) for state in states) >= 12, "12 requests in the engine")
        os.kill(process.pid, signal.SIGKILL)
        for stream in streams:
            with pytest.raises(openai.APIError, match="Send the request again") as raised:
                list(stream)
            assert raised.value.code == "generation-interrupted"
        for completion in completions:
            with pytest.raises(openai.InternalServerError) as refused:
                completion.result()
            assert refused.value.code == "generation-interrupted"
    end = time.monotonic() + LIMIT_SECONDS
    while True:
        try:
            assert text_of(client, seed=0, messages=HELLO, max_tokens=40) == expected
            break
        except openai.InternalServerError as error:
            assert error.code == "unavailable"  # noqa: PT017  until the engine is loaded
            assert time.monotonic() < end, "the engine is not loaded again"
            time.sleep(0.02)


def test_models_list_the_language_model(client: openai.OpenAI, chat_server: ApiServer) -> None:
    assert [model.id for model in client.models.list()] == [str(chat_server.service.space.id), "smollm2-135m"]
    assert client.models.retrieve("smollm2-135m").owned_by == "mm"
    with pytest.raises(openai.NotFoundError, match="smollm2-135m"):
        client.models.retrieve("gpt-9")


def test_client_of_mm_generates_and_streams(chat_server: ApiServer, items: dict[str, str]) -> None:
    with mm.Client(chat_server.url) as client:
        text = client.generate("what is this?", media=items["image"], max_tokens=10, temperature=0)
        pieces = list(client.generate("what is this?", media=items["image"], max_tokens=10, temperature=0, stream=True))
        assert "".join(pieces) == text
        assert client.chat(HELLO, max_tokens=4, seed=1).usage.completion_tokens <= 4  # type: ignore[union-attr]
        with pytest.raises(TooLarge, match="MM_CHAT_CHARS"):
            client.generate("a" * 5001)
