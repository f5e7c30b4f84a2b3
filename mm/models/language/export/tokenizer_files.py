"""The tokenizer as transformers reads it: `tokenizer.json` and `tokenizer_config.json`."""

from __future__ import annotations

import json

from tokenizers import AddedToken, decoders

from mm.models.language.tokenizer import Vocabulary, make_tokenizer


def make_tokenizer_files(vocabulary: Vocabulary, chat_template: str) -> dict[str, str]:
    """Contents by file name. Raises `Corrupt` when the parts of the vocabulary do not fit.

    In a text that transformers tokenizes, the names of special tokens are special tokens, as the
    chat template needs.
    """
    tokenizer = make_tokenizer(vocabulary)
    tokenizer.decoder = decoders.ByteLevel()
    special = [vocabulary.tokens[number] for number in sorted(vocabulary.special_ids)]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": vocabulary.tokens[vocabulary.bos_id],
        "eos_token": vocabulary.tokens[vocabulary.eos_id],
        "pad_token": vocabulary.tokens[vocabulary.eos_id],
        "additional_special_tokens": special,
        "clean_up_tokenization_spaces": False,
        "chat_template": chat_template,
    }
    return {"tokenizer.json": tokenizer.to_str(pretty=True), "tokenizer_config.json": json.dumps(settings, indent=2)}
