"""The tokenizer of SmolLM2: byte-level BPE (Radford et al. 2019), every digit a token of its own.

Vocabulary and merges come from the GGUF file, whose `tokenizer.ggml.pre` names the rule by which a
text is divided into words before the merges. Safe to call from several threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer, models, pre_tokenizers

from mm.errors import Corrupt, InvalidInput
from mm.models.inputs import replace_surrogates
from mm.models.language.gguf.reader import GGUFFile

MODEL, PRE_TOKENIZER = "gpt2", "smollm"
"""The values of `tokenizer.ggml.model` and `tokenizer.ggml.pre` of such a tokenizer."""
CONTROL = 3
"""The token type of special tokens in `tokenizer.ggml.token_type`."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a GGUF file stores of a tokenizer."""

    tokens: Sequence[str]
    """By id; bytes are written as in `make_byte_alphabet`."""
    merges: Sequence[str]
    """Pairs of tokens, separated by a space, in the order in which they are applied."""
    special_ids: frozenset[int]
    """Tokens that no text contains."""
    bos_id: int
    """Begins a turn of a conversation: `<|im_start|>`."""
    eos_id: int
    """Ends a turn: `<|im_end|>`."""


def read_vocabulary(file: GGUFFile) -> Vocabulary:
    """The vocabulary of a file. Raises `Corrupt` when its tokenizer is another one."""
    kind = file.get_str("tokenizer.ggml.model"), file.get_str("tokenizer.ggml.pre")
    if kind != (MODEL, PRE_TOKENIZER):
        raise Corrupt(f"{file.path} has the tokenizer {kind[0]} {kind[1]}; {MODEL} {PRE_TOKENIZER} is expected.")
    types = file.get_ints("tokenizer.ggml.token_type")
    return Vocabulary(
        file.get_strings("tokenizer.ggml.tokens"),
        file.get_strings("tokenizer.ggml.merges"),
        frozenset(number for number, of in enumerate(types) if of == CONTROL),
        file.get_int("tokenizer.ggml.bos_token_id"),
        file.get_int("tokenizer.ggml.eos_token_id"),
    )


class LanguageTokenizer:
    """Texts to token ids and back."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Raises `Corrupt` when the parts of the vocabulary do not fit together."""
        self.bos_id, self.eos_id = vocabulary.bos_id, vocabulary.eos_id
        self.vocab_size = len(vocabulary.tokens)
        self._tokenizer = make_tokenizer(vocabulary)
        self._bytes = _list_bytes(vocabulary)

    def encode(self, text: str) -> list[int]:
        """The tokens of a text. Special tokens are not among them, even if the text names them.

        Bytes that the vocabulary lacks are left out: in SmolLM2's, those of six control characters
        and of the unassigned planes from U+40000.
        """
        ids: list[int] = self._tokenizer.encode(replace_surrogates([text])[0]).ids
        return ids

    def decode(self, token_ids: Iterable[int]) -> str:
        """The text of tokens, without special ones. Incomplete characters become U+FFFD.

        Raises `InvalidInput` for ids that the vocabulary lacks.
        """
        return b"".join(self.get_bytes(token_id) for token_id in token_ids).decode("utf-8", "replace")

    def get_bytes(self, token_id: int) -> bytes:
        """The bytes of a token, which may be a part of a character; none for a special token.

        Raises `InvalidInput` when the vocabulary lacks it.
        """
        if not 0 <= token_id < self.vocab_size:
            raise InvalidInput(f"Token ids must be from 0 to {self.vocab_size - 1}, not {token_id}.")
        return self._bytes[token_id]


_NO_BYTE = 0xFFFF
"""A code point outside of Latin-1."""


def make_byte_alphabet() -> dict[str, int]:
    """The character that stands for each byte in a vocabulary, as in GPT-2's `bytes_to_unicode`.

    Printable characters of Latin-1 stand for themselves, the other bytes follow from U+0100.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in sorted(printable)} | {chr(0x100 + number): byte for number, byte in enumerate(others)}


def make_tokenizer(vocabulary: Vocabulary) -> Tokenizer:
    """The tokenizer without special tokens. Raises `Corrupt` when the parts do not fit."""
    ids = {token: number for number, token in enumerate(vocabulary.tokens)}
    merges = [(left, right) for left, _, right in (merge.partition(" ") for merge in vocabulary.merges)]
    if len(ids) != len(vocabulary.tokens):
        raise Corrupt("The vocabulary has the same token twice.")
    if not {vocabulary.bos_id, vocabulary.eos_id} <= vocabulary.special_ids <= set(ids.values()):
        raise Corrupt("The special tokens are not in the vocabulary.")
    try:
        tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges))
    except Exception as error:  # the library raises nothing narrower
        raise Corrupt(f"The merges do not fit the vocabulary: {error}.") from error
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    return tokenizer


def _list_bytes(vocabulary: Vocabulary) -> list[bytes]:
    alphabet = make_byte_alphabet()
    # Translation of a string is several times as fast as a loop over its characters.
    table = dict.fromkeys(range(256), _NO_BYTE) | {ord(character): byte for character, byte in alphabet.items()}
    try:
        return [
            b"" if number in vocabulary.special_ids else token.translate(table).encode("latin-1")
            for number, token in enumerate(vocabulary.tokens)
        ]
    except UnicodeEncodeError as error:
        raise Corrupt(f"The token {error.object!r:.40} contains a character that stands for no byte.") from error
