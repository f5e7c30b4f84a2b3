"""Token ids of what the model learns: captions, questions about images, answers from evidence."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.answers.answer_text import format_answer
from mm.answers.exact import EXACT_KINDS
from mm.answers.prompt import Prompt, build_prompt
from mm.data.language.evidence.evidence_set import MAKERS, draw_evidence_set
from mm.data.language.evidence.examples import EvidenceExample
from mm.data.language.image_questions import ImageQuestion
from mm.data.language.sources import SourcePool, read_source_pool
from mm.models.language.caption_prompt import caption_messages, image_messages
from mm.models.language.chat_template import Message, encode_chat
from mm.models.language.tokenizer import LanguageTokenizer
from mm.training.language.sequences.batches import MAX_CAPTION_TOKENS, Request, TextExample

MAX_EVIDENCE_TOKENS = 768
"""Longer prompts with their answers are left out of training."""
EXACT_KEPT = 3
"""One of so many questions of `EXACT_KINDS` is learned: no rule may find how one is worded."""
_CHUNK = 500


@dataclass(frozen=True, slots=True, eq=False)
class CaptionTokens:
    """Captions of images as token ids (N, J, U), padded with the end, and their lengths (N, J)."""

    ids_NJU: npt.NDArray[np.int64]
    lengths_NJ: npt.NDArray[np.int64]


def encode_request(tokenizer: LanguageTokenizer, messages: Sequence[Message]) -> Request:
    """The token ids of a conversation with at most one medium."""
    parts = [tuple(part) for part in encode_chat(tokenizer, messages)]
    return Request(*parts)


def encode_captions(tokenizer: LanguageTokenizer, captions: Sequence[Sequence[str]], num_captions: int = 5) -> CaptionTokens:
    """Encode the captions of each image; an image with fewer repeats its own.

    A caption that is too long has no end: the model must not learn to stop there.
    """
    ids = np.full((len(captions), num_captions, MAX_CAPTION_TOKENS), tokenizer.eos_id, np.int64)
    lengths = np.zeros(ids.shape[:2], np.int64)
    for image, texts in enumerate(captions):
        for number in range(num_captions):
            tokens = [*tokenizer.encode(texts[number % len(texts)]), tokenizer.eos_id][:MAX_CAPTION_TOKENS]
            ids[image, number, : len(tokens)] = tokens
            lengths[image, number] = len(tokens)
    return CaptionTokens(ids, lengths)


def encode_caption_request(tokenizer: LanguageTokenizer) -> Request:
    """The request for a caption."""
    return encode_request(tokenizer, caption_messages())


def encode_image_question(tokenizer: LanguageTokenizer, question: ImageQuestion) -> TextExample:
    """A question about an image with its answer as a sentence."""
    request = encode_request(tokenizer, image_messages(question.question))
    return TextExample(request, (*tokenizer.encode(question.sentence), tokenizer.eos_id))


def encode_evidence(tokenizer: LanguageTokenizer, example: EvidenceExample) -> TextExample:
    """A question over moments in the prompt of `mm.answers`, with its answer."""
    prompt = build_evidence_prompt(tokenizer, example)
    answer = format_answer(example.answer, prompt.numbers)
    return TextExample(encode_request(tokenizer, prompt.messages), (*tokenizer.encode(answer), tokenizer.eos_id))


def build_evidence_prompt(tokenizer: LanguageTokenizer, example: EvidenceExample) -> Prompt:
    """The prompt of a question over moments, as at run time."""
    return build_prompt(
        example.moments, example.question, example.conversation, count_tokens=lambda text: len(tokenizer.encode(text))
    )


def draw_evidence(
    tokenizer: LanguageTokenizer, folder: Path, split: str, count: int, seed: int, num_processes: int
) -> list[TextExample]:
    """Draw encoded questions over moments of a split, sorted by length, short ones first.

    Those of more than `MAX_EVIDENCE_TOKENS` are left out, and most of the kinds that the service
    answers without a model. Raises `InvalidInput` as the data does.
    """
    chunks = [(split, min(_CHUNK, count - start), seed * 10_007 + start) for start in range(0, count, _CHUNK)]
    if num_processes > 1:
        context = multiprocessing.get_context("fork")  # the tokenizer is not copied
        with ProcessPoolExecutor(num_processes, context, _EvidenceDrawer.install, (tokenizer, folder, split)) as pool:
            drawn = list(pool.map(_draw_chunk, chunks))
    else:
        _EvidenceDrawer.install(tokenizer, folder, split)
        drawn = [_draw_chunk(chunk) for chunk in chunks]
    examples = [example for part in drawn for example in part if _count_tokens(example) <= MAX_EVIDENCE_TOKENS]
    return sorted(examples, key=_count_tokens)


def draw_slice(draw: random.Random, examples: Sequence[TextExample], count: int) -> list[TextExample]:
    """Neighbours in examples that are sorted by length, so that a batch has little padding."""
    start = draw.randrange(max(1, len(examples) - count + 1))
    return list(examples[start : start + count])


def _count_tokens(example: TextExample) -> int:
    return len(example.request.before) + len(example.request.after) + len(example.answer)


class _EvidenceDrawer:
    """What a process draws from."""

    tokenizer: LanguageTokenizer
    pool: SourcePool

    @classmethod
    def install(cls, tokenizer: LanguageTokenizer, folder: Path, split: str) -> None:
        """Prepare this process."""
        cls.tokenizer, cls.pool = tokenizer, read_source_pool(folder, split)


def _draw_chunk(chunk: tuple[str, int, int]) -> list[TextExample]:
    drawn = draw_evidence_set(_EvidenceDrawer.pool, *chunk)
    return [
        encode_evidence(_EvidenceDrawer.tokenizer, example)
        for number, example in enumerate(drawn)
        if example.kind not in EXACT_KINDS or number // len(MAKERS) % EXACT_KEPT == 0
    ]
