"""Conversations as prompts: media, tools, and what is left out of long ones."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from mm.errors import InvalidInput, TooLarge, UnsupportedMedia
from mm.generation import JsonSchema, SamplingParams, TaggedJson
from mm.generation.chat.prompt import Prompt, build_prompt
from mm.generation.chat.tools import TAG, ToolCallParser, build_grammar
from mm.generation.chat.types import ChatMessage, ChatRequest, Scene, SoundMedia, Tool, ToolCall, VideoMedia
from mm.models.language.chat_template import DEFAULT_SYSTEM
from tests.generation.chat.tiny import CONFIG, TinyEmbedder, load_tiny, make_image, make_tokenizer

MODEL = load_tiny()
HELLO = ChatRequest((ChatMessage("user", "hello"),), SamplingParams(max_tokens=10))
SEARCH = Tool("search", "Search the library.", '{"properties": {"text": {"type": "string"}}, "required": ["text"]}')
VECTOR = np.ones(CONFIG.hidden_size, np.float32)


def build(request: ChatRequest, limit: int = 10_000) -> Prompt:
    return build_prompt(request, MODEL.template, MODEL.embedder, "tiny", limit)


def text_of(prompt: Prompt) -> str:
    """The prompt with the names of special tokens, and `*` for each embedding."""
    names = {256: "<|im_start|>", 257: "<|im_end|>"}
    is_media = {i for span in prompt.media for i in range(span.start, span.end)}
    tokenizer = make_tokenizer()
    pieces = ["*" if i in is_media else names.get(t) or tokenizer.decode([t]) for i, t in enumerate(prompt.token_ids)]
    return "".join(pieces)


def test_prompt_is_the_chat_template_of_the_messages() -> None:
    assert text_of(build(HELLO)) == (
        f"<|im_start|>system\n{DEFAULT_SYSTEM}<|im_end|>\n<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"
    )


def test_prompt_has_the_embeddings_of_media_before_the_text_of_their_message() -> None:
    image = make_image(1)
    video = VideoMedia((Scene(0, 5, VECTOR), Scene(5, 9, VECTOR)), (make_image(2),))
    sound = SoundMedia(VECTOR, ("Dog", "Siren"))
    messages = (
        ChatMessage("system", "Be brief."),
        ChatMessage("user", "what?", (image, video)),
        ChatMessage("user", "and?", (sound,)),
    )
    prompt = build(ChatRequest(messages))
    assert text_of(prompt) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n******what?<|im_end|>\n"
        "<|im_start|>user\n**Sounds: Dog, Siren.\nand?<|im_end|>\n<|im_start|>assistant\n"
    )
    embedder = TinyEmbedder()
    expected = [embedder.embed_image(image.map_HWC, image.vector_D), embedder.embed_video(video.scenes, video.frames),
                embedder.embed_sound(VECTOR)]  # fmt: skip
    for span, rows in zip(prompt.media, expected, strict=True):
        np.testing.assert_array_equal(span.embeddings, rows)


def test_equal_images_have_equal_digests() -> None:
    first, second, other = (
        build(ChatRequest((ChatMessage("user", text, (make_image(seed),)),))).media[0].digest
        for text, seed in (("a", 1), ("b", 1), ("a", 2))
    )
    assert first == second != other


def test_media_for_a_model_of_text_are_rejected() -> None:
    with pytest.raises(UnsupportedMedia, match="tiny reads text only"):
        build_prompt(ChatRequest((ChatMessage("user", "what?", (make_image(1),)),)), MODEL.template, None, "tiny", 100)


def test_long_conversation_loses_its_oldest_messages_with_a_note() -> None:
    turns = [ChatMessage(role, f"{role} {i}") for i in range(50) for role in ("user", "assistant")]
    request = replace(HELLO, messages=(ChatMessage("system", "Be brief."), *turns, ChatMessage("user", "the end")))
    whole = build(request)
    assert not whole.notes
    for limit in range(len(whole.token_ids) // 4, len(whole.token_ids) + 10, 97):
        prompt = build(request, limit)
        assert len(prompt.token_ids) + 10 <= limit
        text = text_of(prompt)
        assert text.startswith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n")
        assert "the end" in text
        assert "messages are left out" in prompt.notes[0]


def test_message_longer_than_the_model_reads_is_rejected() -> None:
    request = replace(HELLO, messages=(*HELLO.messages, ChatMessage("user", "x" * 300)))
    with pytest.raises(TooLarge, match="lower max_tokens"):
        build(request, 300)


def test_tools_are_described_and_force_a_grammar() -> None:
    call = ToolCall("1", "search", '{"text": "dogs"}')
    messages = (
        *HELLO.messages,
        ChatMessage("assistant", "", tool_calls=(call,)),
        ChatMessage("tool", "3 hits", tool_call_id="1"),
    )
    prompt = build(replace(HELLO, messages=messages, tools=(SEARCH,)))
    text = text_of(prompt)
    assert '"name": "search"' in text
    assert f'assistant\n{TAG}{{"name": "search", "arguments": {{"text": "dogs"}}}}<|im_end|>' in text
    assert "user\n<tool_response>\n3 hits\n</tool_response>" in text
    assert isinstance(prompt.params.grammar, TaggedJson)
    assert prompt.params.grammar.is_optional
    for choice in ("required", "search"):
        grammar = build(replace(HELLO, tools=(SEARCH,), tool_choice=choice)).params.grammar
        assert isinstance(grammar, TaggedJson)
        assert not grammar.is_optional
    without = build(replace(HELLO, tools=(SEARCH,), tool_choice="none"))
    assert without.params.grammar is None
    assert "search" not in text_of(without)


def test_tools_beside_a_schema_are_rejected() -> None:
    params = SamplingParams(grammar=JsonSchema("{}"))
    with pytest.raises(InvalidInput, match="tool_choice"):
        build(replace(HELLO, params=params, tools=(SEARCH,)))


def test_definitions_of_tools_are_shared() -> None:
    parameters = {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "integer"}}}
    tools = [Tool("one", parameters=json.dumps(parameters)), Tool("two", parameters=json.dumps(parameters))]
    schema = json.loads(build_grammar(tools, is_required=True).schema)
    assert schema["$defs"] == {"A": {"type": "integer"}}
    other = Tool("three", parameters='{"$defs": {"A": {"type": "string"}}}')
    with pytest.raises(InvalidInput, match="differently"):
        build_grammar([*tools, other], is_required=True)


@pytest.mark.parametrize("parameters", ["{", "[]", '{"type": "string"}', '{"$defs": 3}'])
def test_parameters_that_are_no_schema_of_an_object_are_rejected(parameters: str) -> None:
    with pytest.raises(InvalidInput, match="find"):
        build_grammar([Tool("find", parameters=parameters)], is_required=True)


@pytest.mark.parametrize(
    ("written", "text", "names"),
    [
        ("hello <tool_call>", "hello <tool_call>", []),
        ('<tool_call>{"name": "search", "arguments": {"text": "a"}}', "", ["search"]),
        ('<tool_call>{"name": "sea', '<tool_call>{"name": "sea', []),
        ("<tool", "<tool", []),
        ("", "", []),
    ],
)
def test_tool_call_parser_separates_calls_from_text(written: str, text: str, names: list[str]) -> None:
    for size in (1, 3, 100):
        parser = ToolCallParser()
        pushed = [parser.push(written[start : start + size]) for start in range(0, len(written), size)]
        held, calls = parser.finish()
        assert "".join(pushed) + held == text
        assert [call.name for call in calls] == names
