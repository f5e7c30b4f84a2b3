"""Output that must match a grammar: masks over the vocabulary for each next token.

The masks come from llguidance (github.com/guidance-ai/llguidance, MIT), an Earley parser over the
bytes of the tokens. It is imported when the first grammar is compiled.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput, TooLarge
from mm.models.language.byte_pairs import BytePairEncoder
from mm.models.language.json_schema import check_schema_cost

if TYPE_CHECKING:
    from llguidance import LLMatcher

    from mm.generation.vocabulary import Vocabulary

JSON_STYLE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""The separators of `json.dumps`. Free whitespace would allow a model to write only whitespace."""
MAX_CHARS = 100_000
"""Longest grammar as llguidance reads it. All requests wait while one is compiled."""


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """The text is a JSON document that the schema allows."""

    schema: str
    """A JSON Schema as text."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The text is one of these strings."""

    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TaggedJson:
    """The text is `tag` followed by a JSON document that the schema allows; or, when that is
    optional, any text that does not begin with the first character of the tag."""

    tag: str
    schema: str
    is_optional: bool


@dataclass(frozen=True, slots=True)
class Pattern:
    """The whole text matches a regular expression, in the syntax of Rust's crate `regex`."""

    regex: str


Grammar = JsonSchema | Choice | TaggedJson | Pattern


class GrammarError(Exception):
    """The parser exceeded a limit of its resources, or a token outside of the mask was accepted."""


class GrammarMatcher:
    """The state of one text in its grammar."""

    def __init__(self, matcher: LLMatcher, vocabulary_size: int) -> None:
        self._matcher = matcher
        self._vocabulary_size = vocabulary_size

    def allowed_tokens(self) -> npt.NDArray[np.bool_]:
        """Mask (vocabulary,) of the tokens that may follow; the end token where the text may end.

        Raises `GrammarError` when the parser failed.
        """
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        self._check()
        return np.unpackbits(bits, count=self._vocabulary_size, bitorder="little").astype(np.bool_)

    def accept(self, token_id: int) -> None:
        """Advance by a token that the mask allowed. Raises `GrammarError`."""
        self._matcher.consume_token(token_id)
        self._check()

    @property
    def is_complete(self) -> bool:
        """The text matches the grammar, and nothing can follow it."""
        return self._matcher.is_stopped() and self._matcher.is_accepting()

    def _check(self) -> None:
        if self._matcher.is_error():
            raise GrammarError(f"The grammar cannot be continued: {self._matcher.get_error().splitlines()[0]}.")


class GrammarCompiler:
    """Compiles grammars for one vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        from llguidance import LLTokenizer
        from llguidance import TokenizerWrapper as Wrapper

        self._vocabulary_size = len(vocabulary)
        self._tokenizer = LLTokenizer(Wrapper(_ByteTokenizer(vocabulary)), eos_token=list(vocabulary.eos_token_ids))

    def compile(self, grammar: Grammar) -> GrammarMatcher:
        """Raises `InvalidInput` for a schema that is malformed, unsupported or matches nothing, and
        `TooLarge` for one of more than `MAX_CHARS` characters."""
        from llguidance import LLMatcher

        source = _to_llguidance(grammar)
        if len(source) > MAX_CHARS:
            raise TooLarge(f"The grammar has {len(source):,} characters; the maximum is {MAX_CHARS:,}. Shorten the schema.")
        matcher = LLMatcher(self._tokenizer, source, log_level=0)
        if matcher.is_error():
            raise InvalidInput(f"The grammar cannot be used: {matcher.get_error().splitlines()[0]}.")
        return GrammarMatcher(matcher, self._vocabulary_size)


def _to_llguidance(grammar: Grammar) -> str:
    from llguidance import LLMatcher

    if isinstance(grammar, Choice):
        if not grammar.options or not all(grammar.options):
            raise InvalidInput("A choice needs at least one option, and no option may be empty.")
        return LLMatcher.grammar_from_lark("start: " + " | ".join(json.dumps(option) for option in grammar.options))
    if isinstance(grammar, Pattern):
        return LLMatcher.grammar_from_regex(grammar.regex)
    try:
        check_schema_cost(schema := json.loads(grammar.schema))
        if isinstance(grammar, TaggedJson):
            return LLMatcher.grammar_from_lark(_tagged_json(grammar, schema))
        return LLMatcher.grammar_from_json_schema(grammar.schema, overrides=JSON_STYLE)  # type: ignore[arg-type]
    except ValueError as error:
        raise InvalidInput(f"The schema is not valid JSON: {error}.") from error


def _tagged_json(grammar: TaggedJson, schema: object) -> str:
    if not grammar.tag or not isinstance(schema, dict):
        raise InvalidInput("Tagged JSON needs a tag and a schema that is an object.")
    document = json.dumps({**schema, "x-guidance": JSON_STYLE})
    free_text = f"| /(?s:[^{re.escape(grammar.tag[0])}].*)?/" if grammar.is_optional else ""
    return f"start: {json.dumps(grammar.tag)} document {free_text}\ndocument: %json {document}"


class _ByteTokenizer:
    """The interface that llguidance needs. It tokenizes text that a grammar forces."""

    bos_token_id = None

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.tokens = list(vocabulary.tokens)
        self.eos_token_id = vocabulary.eos_token_ids[0]
        self.special_token_ids = [i for i in range(len(vocabulary)) if vocabulary.is_special(i)]
        ids = reversed(range(len(vocabulary)))  # of equal tokens, the first one is used
        self._encoder = BytePairEncoder({self.tokens[i]: i for i in ids if not vocabulary.is_special(i)})

    def __call__(self, text: bytes | str) -> list[int]:
        return self._encoder.encode(text.encode() if isinstance(text, str) else text)
