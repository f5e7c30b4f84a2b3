"""Output under a grammar, from a model that prefers no token."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import is_valid

from mm.errors import InvalidInput, TooLarge
from mm.generation import Choice, Engine, EngineConfig, JsonSchema, Pattern, Request, SamplingParams, TaggedJson, Vocabulary
from mm.generation.grammar import MAX_CHARS, GrammarCompiler
from tests.generation.hash_model import HashRunner, generate_alone
from tests.generation.requests import generate, joined

PIECES = (b'{"', b'": ', b'", "', b'"}', b"true", b"false", b"null", b"\xc3\xa9", b"cat", b"12")
ALL_BYTES = Vocabulary((*(bytes([i]) for i in range(256)), *PIECES, b"<end>", b"<other end>"), (266, 267))
CONFIG = EngineConfig(num_blocks=100, block_size=4, max_model_len=400, max_num_seqs=4, max_num_batched_tokens=8)
SCHEMAS = [
    {"type": "object", "properties": {"seen": {"type": "boolean"}, "count": {"type": "integer", "minimum": 0, "maximum": 99}},
     "required": ["seen", "count"], "additionalProperties": False},
    {"enum": ["search", "refine", 3, None]},
    {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1, "maxItems": 3},
    {"anyOf": [{"type": "boolean"}, {"type": "object", "properties": {"é": {"const": "ü"}}, "required": ["é"],
                                     "additionalProperties": False}]},
    {"type": "string", "maxLength": 4},
]  # fmt: skip


def make_engine() -> Engine:
    return Engine(HashRunner(len(ALL_BYTES), CONFIG.num_blocks, CONFIG.block_size), ALL_BYTES, CONFIG)


def request_with(
    grammar: Choice | JsonSchema | Pattern | TaggedJson, seed: int, request_id: str = "one", **values: float
) -> Request:
    return Request(request_id, (seed % 256,), SamplingParams(max_tokens=300, seed=seed, grammar=grammar, **values))  # type: ignore[arg-type]


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
@settings(max_examples=15, deadline=None)
@given(seeds=st.lists(st.integers(0, 10**9), min_size=1, max_size=4), temperature=st.sampled_from([0.0, 1.0, 3.0]))
def test_json_output_is_always_valid(schema: dict[str, object], seeds: list[int], temperature: float) -> None:
    grammar = JsonSchema(json.dumps(schema))
    requests = [request_with(grammar, seed, str(i), temperature=temperature) for i, seed in enumerate(seeds)]
    for outputs in generate(make_engine(), requests).values():
        _, text, reason = joined(outputs)
        assert reason == "stop"
        assert is_valid(schema, json.loads(text))


@settings(max_examples=15, deadline=None)
@given(
    options=st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=6), min_size=1, max_size=4),
    seed=st.integers(0, 10**9),
)
def test_choice_output_is_one_of_the_options(options: list[str], seed: int) -> None:
    _, text, reason = joined(generate(make_engine(), [request_with(Choice(tuple(options)), seed)])["one"])
    assert reason == "stop"
    assert text in options


def test_choice_reaches_an_option_that_continues_another() -> None:
    requests = [request_with(Choice(("cat", "category")), seed, str(seed), temperature=3.0) for seed in range(40)]
    texts = [joined(outputs)[1] for outputs in generate(make_engine(), requests).values()]
    assert set(texts) == {"cat", "category"}


def test_grammar_does_not_change_the_other_requests_of_the_batch() -> None:
    plain = Request("plain", (7,), SamplingParams(max_tokens=20, seed=5))
    outputs = generate(make_engine(), [request_with(JsonSchema("{}"), 3), plain, request_with(Choice(("x",)), 1, "two")])
    assert joined(outputs["plain"]) == generate_alone(plain, ALL_BYTES)


def test_grammar_survives_preemption() -> None:
    """The same requests in a cache with room and in one without give the same text."""
    grammar = JsonSchema(json.dumps({"type": "string", "minLength": 30, "maxLength": 30}))
    requests = [replace(request_with(grammar, seed, str(seed)), params=SamplingParams(max_tokens=80, seed=seed, grammar=grammar))
                for seed in range(4)]  # fmt: skip
    small = replace(CONFIG, num_blocks=21)
    engine = Engine(HashRunner(len(ALL_BYTES), 21, CONFIG.block_size), ALL_BYTES, small)
    preempted = generate(engine, requests)
    assert engine.metrics.registry.get_sample_value("vllm:num_preemptions_total") > 0
    assert [joined(o) for o in preempted.values()] == [joined(o) for o in generate(make_engine(), requests).values()]


@pytest.mark.parametrize(
    "grammar",
    [JsonSchema("{"), JsonSchema("[]"), JsonSchema('{"type": "nope"}'), JsonSchema('{"not": {}}'),
     JsonSchema('{"type": "integer", "multipleOf": 999983}'), TaggedJson("a", '{"multipleOf": 999983}', is_optional=False),
     JsonSchema('{"type": "string", "minLength": 5, "maxLength": 2}'), JsonSchema('{"$ref": "#/nope"}'), Choice(()),
     Choice(("",))],
    ids=str,
)  # fmt: skip
def test_grammar_that_cannot_be_used_is_rejected_when_added(grammar: Choice | JsonSchema | TaggedJson) -> None:
    engine = make_engine()
    with pytest.raises(InvalidInput):
        engine.add(request_with(grammar, 1))
    assert not engine.has_requests


@pytest.mark.parametrize("is_optional", [True, False])
@settings(max_examples=20, deadline=None)
@given(seeds=st.lists(st.integers(0, 10**9), min_size=1, max_size=4))
def test_tagged_json_output_is_a_tag_with_valid_json_or_free_text(is_optional: bool, seeds: list[int]) -> None:
    grammar = TaggedJson("<call>", json.dumps(SCHEMAS[0]), is_optional)
    requests = [request_with(grammar, seed, str(i)) for i, seed in enumerate(seeds)]
    for outputs in generate(make_engine(), requests).values():
        _, text, reason = joined(outputs)
        if text.startswith("<"):
            assert reason == "stop"
            assert is_valid(SCHEMAS[0], json.loads(text.removeprefix("<call>")))
        else:
            assert is_optional


@pytest.mark.parametrize(("tag", "schema"), [("", "{}"), ("<call>", "[]"), ("<call>", "{")])
def test_tagged_json_without_a_tag_or_a_schema_is_rejected(tag: str, schema: str) -> None:
    with pytest.raises(InvalidInput):
        make_engine().add(request_with(TaggedJson(tag, schema, is_optional=True), 1))


@settings(max_examples=15, deadline=None)
@given(numbers=st.sets(st.integers(1, 20), min_size=1, max_size=4), seed=st.integers(0, 10**9))
def test_pattern_output_matches_the_whole_expression(numbers: set[int], seed: int) -> None:
    regex = rf"none|([a-z]{{1,9}} (\[({'|'.join(map(str, sorted(numbers)))})\]){{1,2}}\.){{1,2}}"

    _, text, reason = joined(generate(make_engine(), [request_with(Pattern(regex), seed)])["one"])

    assert reason == "stop"
    assert re.fullmatch(regex, text)


def test_pattern_that_is_no_expression_raises_invalid_input() -> None:
    engine = make_engine()
    with pytest.raises(InvalidInput, match="The grammar cannot be used"):
        engine.add(request_with(Pattern("("), 1))


@pytest.mark.parametrize(
    "grammar", [JsonSchema('{"const": "%s"}' % ("a" * MAX_CHARS)), Choice(("ab",) * MAX_CHARS)], ids=["schema", "choice"]
)
def test_grammar_over_the_limit_raises_too_large(grammar: Choice | JsonSchema) -> None:
    engine = make_engine()
    with pytest.raises(TooLarge, match="100,000"):
        engine.add(request_with(grammar, 1))


def test_forced_text_has_tokens_of_byte_level_bpe() -> None:
    merges = (b"to", b"ol", b"tool", b"s ", b"too")  # "too" is merged last, and needs "to"
    vocabulary = Vocabulary((*(bytes([i]) for i in range(256)), *merges, b"<end>"), (261,))
    matcher = GrammarCompiler(vocabulary).compile(Choice(("tools 2",)))
    written: list[bytes] = []
    while b"".join(written) != b"tools 2":
        (token_id,) = np.flatnonzero(matcher.allowed_tokens()).tolist()
        written.append(vocabulary.tokens[token_id])
        matcher.accept(token_id)
    assert written == [b"tool", b"s ", b"2"]
