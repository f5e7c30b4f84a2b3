"""Output that must match a grammar: masks over the vocabulary for each next token.

The masks come from llguidance (github.com/guidance-ai/llguidance, MIT), an Earley parser over the
bytes of the tokens. It is imported when the first grammar is compiled.
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput, TooLarge

if TYPE_CHECKING:
    from llguidance import LLMatcher

    from mm.generation.vocabulary import Vocabulary

JSON_STYLE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""The separators of `json.dumps`. Free whitespace would allow a model to write only whitespace."""
MAX_CHARS = 100_000
"""Longest schema, pattern or list of options. All requests wait while one is compiled."""
NUM_KEPT, MIN_KEPT_BYTES = 16, 64
"""Number of forced texts whose tokens are kept, and their least length."""


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
            raise GrammarError(self._matcher.get_error().splitlines()[0])


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

        if (num_chars := _count_chars(grammar)) > MAX_CHARS:
            raise TooLarge(f"The grammar has {num_chars:,} characters; the maximum is {MAX_CHARS:,}. Shorten the schema.")
        matcher = LLMatcher(self._tokenizer, _to_llguidance(grammar), log_level=0)
        if matcher.is_error():
            raise InvalidInput(f"The grammar cannot be used: {matcher.get_error().splitlines()[0]}.")
        return GrammarMatcher(matcher, self._vocabulary_size)


def _count_chars(grammar: Grammar) -> int:
    match grammar:
        case Choice(options):
            return sum(map(len, options))
        case Pattern(regex):
            return len(regex)
        case JsonSchema() | TaggedJson():
            return len(grammar.schema)


def _to_llguidance(grammar: Grammar) -> str:
    from llguidance import LLMatcher

    if isinstance(grammar, Choice):
        if not grammar.options or not all(grammar.options):
            raise InvalidInput("A choice needs at least one option, and no option may be empty.")
        return LLMatcher.grammar_from_lark("start: " + " | ".join(json.dumps(option) for option in grammar.options))
    if isinstance(grammar, Pattern):
        return LLMatcher.grammar_from_regex(grammar.regex)
    try:
        schema = json.loads(grammar.schema)
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


class _Tokenized(NamedTuple):
    text: bytes
    tokens: list[int]
    first_token_of: dict[int, int]
    """Index of the token with which an end of the text begins, by the length of the end."""


class _ByteTokenizer:
    """The interface that llguidance needs: byte-level BPE that merges the token with the smallest
    id first, which is the order of training.

    llguidance tokenizes text that a grammar forces with it. Another split, such as into bytes, is
    text that the model has never seen, and what it writes next is as bad. It tokenizes the rest of
    the text again after each token, so that the last long texts are kept: no merge crosses the
    border between two tokens, and the tokens of such a rest are the last ones of the whole.
    """

    bos_token_id = None

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.tokens = list(vocabulary.tokens)
        self.eos_token_id = vocabulary.eos_token_ids[0]
        self.special_token_ids = [i for i in range(len(vocabulary)) if vocabulary.is_special(i)]
        self._recent: deque[_Tokenized] = deque(maxlen=NUM_KEPT)
        ids = reversed(range(len(vocabulary)))  # of equal tokens, the first one is used
        self._token_of = {self.tokens[i]: i for i in ids if not vocabulary.is_special(i)}

    def __call__(self, text: bytes | str) -> list[int]:
        encoded = text.encode() if isinstance(text, str) else text
        for known in self._recent:
            if (first := known.first_token_of.get(len(encoded))) is not None and known.text.endswith(encoded):
                return known.tokens[first:]
        tokens = self._tokenize(encoded)
        lengths = accumulate((len(self.tokens[token]) for token in tokens), initial=0)
        first_token_of = {len(encoded) - length: first for first, length in enumerate(lengths)}
        if len(encoded) > MIN_KEPT_BYTES and 0 in first_token_of:  # else a byte is in no token
            self._recent.append(_Tokenized(encoded, tokens, first_token_of))
        return tokens

    def _tokenize(self, encoded: bytes) -> list[int]:
        pieces: list[bytes | None] = [
            piece for piece in (encoded[i : i + 1] for i in range(len(encoded))) if piece in self._token_of
        ]
        following = list(range(1, len(pieces) + 1))  # place of the next piece; a merge empties places
        preceding = list(range(-1, len(pieces) - 1))
        queue = [(merged, i) for i in range(len(pieces)) if (merged := self._merge(pieces, i, following)) is not None]
        heapify(queue)
        while queue:
            merged, i = heappop(queue)
            if self._merge(pieces, i, following) != merged:
                continue  # one of the two pieces was merged with another
            removed = following[i]
            pieces[i], pieces[removed] = self.tokens[merged], None
            following[i] = following[removed]
            if following[i] < len(pieces):
                preceding[following[i]] = i
            for place in (preceding[i], i):
                if place >= 0 and (candidate := self._merge(pieces, place, following)) is not None:
                    heappush(queue, (candidate, place))
        return [self._token_of[piece] for piece in pieces if piece is not None]

    def _merge(self, pieces: list[bytes | None], i: int, following: list[int]) -> int | None:
        """The token of the piece at a place and the next one; None if there is none."""
        left = pieces[i]
        right = pieces[following[i]] if following[i] < len(pieces) else None
        return None if left is None or right is None else self._token_of.get(left + right)
