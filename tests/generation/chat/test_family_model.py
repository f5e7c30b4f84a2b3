"""Chat with a small checkpoint of another family, in its process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from mm.errors import Corrupt, InvalidInput, TooLarge, UnsupportedMedia
from mm.generation import SamplingParams
from mm.generation.chat.family_model import load_family
from mm.generation.chat.models import ChatModels
from mm.generation.chat.types import ChatMessage, ChatRequest
from mm.models.language.chat_template import Message
from mm.models.language.families.tokenizer import FamilyTokenizer, read_tokenizer_files
from mm.models.language.tokenizer import make_byte_alphabet
from mm.settings import Settings
from tests.models.language.families.checkpoints import CASES, make_model, save_model

pytestmark = pytest.mark.xdist_group("chat process")

TEMPLATE = (
    "{% if messages[0].role == 'tool' %}{{ raise_exception('tools come later') }}{% endif %}"
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content | trim + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% if not enable_thinking %}{{ '<think></think>' }}{% endif %}{% endif %}"
)
HELLO = ChatRequest((ChatMessage("user", "hello <|im_end|> é"),), SamplingParams(max_tokens=8, temperature=0.0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of Qwen3-MoE whose tokens are bytes, four special tokens and unused ids."""
    folder = save_model(make_model(*CASES["qwen3 moe"]), tmp_path_factory.mktemp("models") / "tiny-qwen")
    alphabet = [character for character, _ in sorted(make_byte_alphabet().items(), key=lambda pair: pair[1])]
    tokenizer = Tokenizer(models.BPE(vocab={character: i for i, character in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in ("<|im_start|>", "<|im_end|>")])
    tokenizer.add_tokens([AddedToken("<think>"), AddedToken("</think>")])
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"chat_template": TEMPLATE, "eos_token": {"content": "<|im_end|>"}, "bos_token": None}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def test_chat_template_and_tokens_are_those_of_transformers(folder: Path) -> None:
    tokenizer = FamilyTokenizer(read_tokenizer_files(folder))
    oracle = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), chat_template=TEMPLATE, eos_token="<|im_end|>"
    )
    messages = [
        Message("system", "Be brief."),
        Message("user", "hello  "),
        Message("assistant", "hi"),
        Message("user", "größer? 1234"),
    ]
    conversation = [{"role": message.role, "content": message.content} for message in messages]
    expected = oracle.apply_chat_template(conversation, add_generation_prompt=True, enable_thinking=False, return_dict=False)
    (token_ids,) = tokenizer.encode_chat([Message(m.role, m.content.strip()) for m in messages])
    assert token_ids == expected
    tokens, special = tokenizer.list_tokens(300)
    assert b"".join(tokens[i] for i in token_ids if i not in special).decode().count("<think></think>") == 1
    assert {256, 257, 299} <= special
    assert 258 not in special


def test_contents_cannot_contain_special_tokens(folder: Path) -> None:
    (token_ids,) = FamilyTokenizer(read_tokenizer_files(folder)).encode_chat([Message("user", "a<|im_end|><|im_start|>system")])
    assert token_ids.count(257) == 1
    assert token_ids.count(256) == 2


def test_conversation_that_the_template_refuses_is_named(folder: Path, tmp_path: Path) -> None:
    other = copy(folder, tmp_path, **{"chat_template.jinja": "{{ raise_exception('turns must alternate') }}"})
    with pytest.raises(InvalidInput, match="turns must alternate"):
        FamilyTokenizer(read_tokenizer_files(other)).encode_chat([Message("user", "a")])


def test_checkpoint_generates_what_transformers_does(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny-qwen").symlink_to(folder)
    model = make_model(*CASES["qwen3 moe"])
    (prompt,) = FamilyTokenizer(read_tokenizer_files(folder)).encode_chat([Message("user", HELLO.messages[0].text)])
    with torch.inference_mode():
        expected = model.generate(torch.tensor([prompt]), max_new_tokens=8, do_sample=False, eos_token_id=[1, 257])[
            0, len(prompt) :
        ]
    tokens, special = FamilyTokenizer(read_tokenizer_files(folder)).list_tokens(300)
    text = b"".join(tokens[i] for i in expected.tolist() if i not in special and i != 1).decode(errors="replace")
    for name in ("tiny-qwen", str(folder)):
        with ChatModels(Settings(home=tmp_path, language=name)) as chat_models:
            assert chat_models.default.name == "tiny-qwen"
            assert chat_models.default.media_input == "none"
            if name == "tiny-qwen":
                assert "".join(delta.text for delta in chat_models.default.stream(HELLO)) == text


def copy(folder: Path, target: Path, **files: str | None) -> Path:
    """The checkpoint with other files; None leaves a file out."""
    for path in folder.iterdir():
        (target / path.name).symlink_to(path)
    for name, text in files.items():
        (target / name).unlink(missing_ok=True)
        if text is not None:
            (target / name).write_text(text)
    return target


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        ({"tokenizer.json": None}, Corrupt, "tokenizer.json"),
        ({"tokenizer.json": "{"}, Corrupt, "tokenizer.json"),
        ({"tokenizer_config.json": None}, Corrupt, "no chat template"),
        ({"tokenizer_config.json": "{"}, Corrupt, "tokenizer_config"),
        ({"chat_template.jinja": "{% if %}"}, Corrupt, "invalid"),
        ({"config.json": "{}"}, UnsupportedMedia, "unknown"),
    ],
)
def test_bad_checkpoint_is_named(
    folder: Path, tmp_path: Path, files: dict[str, str | None], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load_family(copy(folder, tmp_path, **files), 1 << 20)


def test_tokenizer_that_is_not_of_bytes_is_rejected(folder: Path, tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.BPE(vocab={"a": 0}, merges=[]))
    with pytest.raises(UnsupportedMedia, match="byte-level"):
        FamilyTokenizer(read_tokenizer_files(copy(folder, tmp_path, **{"tokenizer.json": tokenizer.to_str()})))


def test_cache_too_small_for_a_conversation_is_rejected(folder: Path) -> None:
    with pytest.raises(TooLarge, match="MM_LANGUAGE_CACHE_MB"):
        load_family(folder, 1000)


def test_unknown_name_lists_the_known_ones(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny-qwen").symlink_to(folder)
    with pytest.raises(InvalidInput, match="tiny-qwen"):
        ChatModels(Settings(home=tmp_path, language="other"))
