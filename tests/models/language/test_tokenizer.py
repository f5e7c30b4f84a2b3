"""The tokenizer and the chat template: equal to a plain implementation and to transformers."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import chain, pairwise
from pathlib import Path

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from mm.errors import Corrupt, InvalidInput
from mm.models.language.chat_template import DEFAULT_SYSTEM, Message, encode_chat
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.smollm2 import find_smollm2
from mm.models.language.tokenizer import LanguageTokenizer, Vocabulary, make_byte_alphabet, read_vocabulary
from tests.models.language.gguf_files import write_gguf

GPT2_WORDS = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
TEXT = "The dog runs over the grass, and the cat doesn't: 1,234 trees in 2026. Größe, naïve café 猫が走る. " * 3
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
# A template with the meaning of the one in the GGUF file.
CHATML = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n" + DEFAULT_SYSTEM + "<|im_end|>\n' }}{% endif %}"
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def learn_vocabulary() -> Vocabulary:
    """A small vocabulary with merges."""
    learned = Tokenizer(models.BPE())
    learned.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(make_byte_alphabet())
    learned.train_from_iterator([TEXT], trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False))
    stored = json.loads(learned.model.__getstate__())
    tokens = [*SPECIAL, *sorted(stored["vocab"], key=stored["vocab"].get)]
    return Vocabulary(tokens, [" ".join(pair) for pair in stored["merges"]], frozenset({0, 1, 2}), 1, 2)


VOCABULARY = learn_vocabulary()
TOKENIZER = LanguageTokenizer(VOCABULARY)


def encode_plainly(vocabulary: Vocabulary, text: str) -> list[int]:
    """Byte-level BPE: divide at digits, then into words; in each, apply the first merge of the list
    that fits, until none does."""
    characters = {byte: character for character, byte in make_byte_alphabet().items()}
    ranks = {tuple(merge.split(" ")): rank for rank, merge in enumerate(vocabulary.merges)}
    ids = {token: number for number, token in enumerate(vocabulary.tokens)}
    out: list[int] = []
    for piece in regex.findall(r"\p{N}|\P{N}+", text):
        for word in GPT2_WORDS.findall(piece):
            parts = [characters[byte] for byte in word.encode()]
            while pairs := [(ranks[pair], place) for place, pair in enumerate(pairwise(parts)) if pair in ranks]:
                place = min(pairs)[1]
                parts[place : place + 2] = [parts[place] + parts[place + 1]]
            out += [ids[part] for part in parts]
    return out


@pytest.fixture(scope="module")
def smollm2() -> LanguageTokenizer:
    return LanguageTokenizer(read_vocabulary(read_gguf(find_smollm2())))


def transformers_tokenizer(vocabulary: Vocabulary, template: str) -> PreTrainedTokenizerFast:
    """The tokenizer as its publisher describes it in `tokenizer.json`."""
    inner = Tokenizer(
        models.BPE(
            {token: number for number, token in enumerate(vocabulary.tokens)}, [tuple(m.split(" ")) for m in vocabulary.merges]
        )
    )
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken(vocabulary.tokens[number], special=True) for number in sorted(vocabulary.special_ids)])
    return PreTrainedTokenizerFast(tokenizer_object=inner, chat_template=template)


@settings(max_examples=200, deadline=None)
@given(text=st.one_of(st.text(max_size=60), st.text(alphabet="the dog'sn 1٣²\n\t.<|im_end|>", max_size=60)))
def test_tokenizer_equals_plain_bpe_and_decodes_to_the_text(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    ids = TOKENIZER.encode(text)
    assert ids == encode_plainly(VOCABULARY, text)
    assert TOKENIZER.decode(ids) == text
    assert b"".join(map(TOKENIZER.get_bytes, ids)) == text.encode()


def test_tokenizer_merges_words_and_separates_digits() -> None:
    assert len(TOKENIZER.encode(" the dog")) < 8
    assert len(TOKENIZER.encode("1234")) == 4


def test_tokenizer_of_a_text_that_names_a_special_token_gives_none() -> None:
    ids = TOKENIZER.encode("<|im_end|>\n<|im_start|>system")
    assert not VOCABULARY.special_ids & set(ids)
    assert TOKENIZER.decode([1, *ids, 2]) == "<|im_end|>\n<|im_start|>system"


def test_tokenizer_of_an_incomplete_character_decodes_a_replacement() -> None:
    ids = TOKENIZER.encode("猫")
    assert TOKENIZER.decode(ids[:-1]) == "\ufffd" if len(ids) > 1 else TOKENIZER.decode(ids) == "猫"
    assert TOKENIZER.decode(TOKENIZER.encode("a\ud800b")) == "a?b"


@pytest.mark.parametrize("token_id", [-1, len(VOCABULARY.tokens)])
def test_tokenizer_with_an_unknown_id_raises_invalid_input(token_id: int) -> None:
    with pytest.raises(InvalidInput, match=str(token_id)):
        TOKENIZER.decode([token_id])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": [*VOCABULARY.tokens, "a"]}, "twice"),
        ({"merges": ["no such"]}, "merges"),
        ({"special_ids": frozenset({0, 1, 2, 9999})}, "special"),
        ({"eos_id": 7}, "special"),
        ({"tokens": [*VOCABULARY.tokens, "猫"]}, "stands for no byte"),
    ],
)
def test_tokenizer_of_an_inconsistent_vocabulary_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(Corrupt, match=message):
        LanguageTokenizer(replace(VOCABULARY, **changes))


CONVERSATIONS = [
    [Message("user", "What is this?")],
    [
        Message("system", "Be brief."),
        Message("user", "Hi, 12 dogs\n\nand  a café"),
        Message("assistant", "Hello."),
        Message("user", ""),
    ],
]


@pytest.mark.parametrize("messages", CONVERSATIONS)
def test_chat_template_equals_transformers(messages: list[Message]) -> None:
    reference = transformers_tokenizer(VOCABULARY, CHATML)
    turns = [{"role": message.role, "content": message.content} for message in messages]
    expected = reference.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
    assert encode_chat(TOKENIZER, messages) == [expected]


@pytest.mark.parametrize("messages", CONVERSATIONS)
def test_chat_template_of_smollm2_equals_that_of_its_file(smollm2: LanguageTokenizer, messages: list[Message]) -> None:
    file = read_gguf(find_smollm2())
    reference = transformers_tokenizer(read_vocabulary(file), file.get_str("tokenizer.chat_template"))
    turns = [{"role": message.role, "content": message.content} for message in messages]
    expected = reference.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
    assert encode_chat(smollm2, messages) == [expected]


def test_tokenizer_of_smollm2_decodes_to_the_text_without_six_control_characters(smollm2: LanguageTokenizer) -> None:
    text = bytes(range(256)).decode("latin-1") + TEXT + "😀 𝛑"
    assert smollm2.decode(smollm2.encode(text)) == regex.sub("[\x04\x06\x13\x14\x16\x1d]", "", text)
    assert smollm2.vocab_size == 49152
    assert (smollm2.bos_id, smollm2.eos_id) == (1, 2)


def test_chat_template_with_media_is_split_where_they_enter() -> None:
    with_media = encode_chat(
        TOKENIZER, [Message("user", "What?", num_media=2), Message("assistant", "A dog."), Message("user", "", 1)]
    )
    assert len(with_media) == 4
    assert TOKENIZER.decode(with_media[0]).endswith("user\n")
    assert with_media[1] == []
    assert TOKENIZER.decode(with_media[2]).startswith("What?\nassistant\nA dog.")
    plain = encode_chat(TOKENIZER, [Message("user", "What?"), Message("assistant", "A dog."), Message("user", "")])
    assert TOKENIZER.decode(chain.from_iterable(with_media)) == TOKENIZER.decode(plain[0])


def test_chat_template_of_invalid_conversations_raises_invalid_input() -> None:
    with pytest.raises(InvalidInput, match="at least one"):
        encode_chat(TOKENIZER, [])
    with pytest.raises(InvalidInput, match="user, assistant"):
        Message("tool\n<|im_end|>", "x")  # type: ignore[arg-type]


def test_vocabulary_of_another_tokenizer_is_refused(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "model.gguf", {"tokenizer.ggml.model": "llama", "tokenizer.ggml.pre": "default"}, {})
    with pytest.raises(Corrupt, match="tokenizer llama default; gpt2 smollm is expected"):
        read_vocabulary(read_gguf(path))
