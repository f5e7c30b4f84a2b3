"""Requests about an image in the chat template."""

from __future__ import annotations

from mm.models.language.caption_prompt import CAPTION_REQUEST, caption_messages, image_messages
from mm.models.language.chat_template import DEFAULT_SYSTEM, encode_chat
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.smollm2 import find_smollm2
from mm.models.language.tokenizer import LanguageTokenizer, read_vocabulary


def test_image_messages_put_the_image_before_the_text_of_the_user() -> None:
    tokenizer = LanguageTokenizer(read_vocabulary(read_gguf(find_smollm2())))
    before, after = encode_chat(tokenizer, image_messages("How many dogs are there?"))
    assert tokenizer.decode(before) == f"system\n{DEFAULT_SYSTEM}\nuser\n"
    assert tokenizer.decode(after) == "How many dogs are there?\nassistant\n"


def test_caption_messages_request_a_caption_of_one_image() -> None:
    assert [(message.role, message.content, message.num_media) for message in caption_messages()] == [
        ("user", CAPTION_REQUEST, 1)
    ]
