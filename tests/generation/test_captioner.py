"""Captions of images by a small random model equal beam search of each image alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from mm.generation import BeamSearch, MediaSpan, Request, SamplingParams, Vocabulary
from mm.generation.beam.paged import PagedHypotheses
from mm.generation.caption_ranking import CaptionRanking, GeneratedCaption
from mm.generation.captioner import MAX_CHARACTERS, Captioner, clean_caption
from mm.generation.runners.reference_runner import ReferenceRunner
from mm.models.language.caption_prompt import caption_messages
from mm.models.language.chat_template import encode_chat
from mm.models.language.media_prefix import MediaPrefix
from mm.models.language.tokenizer import LanguageTokenizer, make_byte_alphabet
from mm.models.language.tokenizer import Vocabulary as TokenizerVocabulary
from mm.numerics import Float32, Float64
from tests.models.language.media_prefix.prefixes import TINY, AnImage, random_prefix_weights
from tests.models.language.models import DENSE, random_weights

SPECIAL = ("<|im_start|>", "<|im_end|>")
TOKENS = (*make_byte_alphabet(), *SPECIAL)
TOKENIZER = LanguageTokenizer(TokenizerVocabulary(TOKENS, [], frozenset({256, 257}), 256, 257))
CONFIG = replace(
    DENSE, hidden_size=32, num_attention_heads=4, num_key_value_heads=2, vocab_size=len(TOKENS), max_position_embeddings=512
)
WEIGHTS = random_weights(CONFIG)
PREFIX = MediaPrefix(TINY, random_prefix_weights(TINY))
VECTOR = np.random.default_rng(0).standard_normal(TINY.vector_size, np.float32)
NUM_BLOCKS, BLOCK_SIZE, MAX_TOKENS = 200, 8, 4


def make_search(max_num_prompts: int = 8) -> BeamSearch:
    vocabulary = Vocabulary(tuple(TOKENIZER.get_bytes(token) for token in range(len(TOKENS))), (257,), frozenset({256}))
    runner = ReferenceRunner(CONFIG, WEIGHTS, NUM_BLOCKS, BLOCK_SIZE)
    return BeamSearch(PagedHypotheses(runner, NUM_BLOCKS, BLOCK_SIZE, 3), vocabulary, width=3, max_num_prompts=max_num_prompts)


def random_images(count: int) -> list[AnImage]:
    random = np.random.default_rng(count)
    return [
        AnImage(
            random.standard_normal((7, 7, TINY.map_channels), np.float32), random.standard_normal(TINY.vector_size, np.float32)
        )
        for _ in range(count)
    ]


def test_captioner_gives_each_image_what_it_gets_alone() -> None:
    images = random_images(4)
    captions = dict(Captioner(make_search(max_num_prompts=3), TOKENIZER, PREFIX, MAX_TOKENS).caption(images))
    before, after = encode_chat(TOKENIZER, caption_messages())
    for number, image in enumerate(images):
        embeddings = PREFIX.embed_image(image.map_HWC, image.vector_D)
        prompt = (*before, *[0] * len(embeddings), *after)
        request = Request("one", prompt, SamplingParams(max_tokens=MAX_TOKENS), (MediaSpan(len(before), embeddings),))
        (output,) = make_search().generate([request])
        text = clean_caption(TOKENIZER.decode(output.best.token_ids))
        assert captions[number] == GeneratedCaption(text, pytest.approx(output.best.mean_logprob, abs=1e-5))
    assert len({caption.text for caption in captions.values()}) > 1, "the images make a difference"


class FixedPrefix:
    """The prefix of the map, with one vector for all images: theirs is that of the similarity."""

    num_tokens = len(PREFIX.embed_image(np.zeros((7, 7, TINY.map_channels), np.float32), VECTOR))

    def embed_image(self, map_HWC: Float32, vector_D: Float32) -> Float32:
        return PREFIX.embed_image(map_HWC, VECTOR)


class LengthTexts:
    """Texts are embedded by their number of characters."""

    def embed(self, texts: Sequence[str]) -> Float32:
        return np.array([[len(text)] for text in texts], np.float32)


class NoHeads:
    def score_objects(self, captions: Sequence[str], images_ND: Float32) -> Float64:
        return np.zeros(len(captions))

    def score_phrases(self, captions: Sequence[str], images_ND: Float32) -> Float64:
        return np.zeros(len(captions))


def test_captioner_with_ranking_selects_among_the_candidates_of_the_search() -> None:
    images = [replace(image, vector_D=np.ones(1, np.float32)) for image in random_images(4)]
    fixed = FixedPrefix()
    before, after = encode_chat(TOKENIZER, caption_messages())
    prompt = (*before, *[0] * fixed.num_tokens, *after)
    selected = set()
    for weight in (0.0, 0.5, -0.5, 1e6, -1e6):
        ranking = CaptionRanking(LengthTexts(), NoHeads(), weight)
        captions = dict(Captioner(make_search(), TOKENIZER, fixed, MAX_TOKENS, ranking).caption(images))
        for number, image in enumerate(images):
            media = (MediaSpan(len(before), fixed.embed_image(image.map_HWC, image.vector_D)),)
            (output,) = make_search().generate([Request("one", prompt, SamplingParams(max_tokens=MAX_TOKENS), media)])
            texts = [clean_caption(TOKENIZER.decode(candidate.token_ids)) for candidate in output.candidates]
            logprobs = [candidate.mean_logprob for candidate in output.candidates]
            scores = [logprob + weight * len(text) for logprob, text in zip(logprobs, texts, strict=True)]
            assert captions[number].text == texts[int(np.argmax(scores))]
        selected.add(tuple(captions[number].text for number in range(4)))
    assert len(selected) > 1, "the weight makes a difference"


def test_captioner_reads_images_when_there_is_room_for_them() -> None:
    num_read = 0

    def read_images() -> Iterator[AnImage]:
        nonlocal num_read
        for image in random_images(6):
            num_read += 1
            yield image

    captions = Captioner(make_search(max_num_prompts=2), TOKENIZER, PREFIX, MAX_TOKENS).caption(read_images())
    next(captions)
    assert num_read <= 3
    assert len(list(captions)) == 5


@pytest.mark.parametrize(
    ("text", "caption"), [(" A dog\n runs. ", "A dog runs."), ("", ""), ("a" * (2 * MAX_CHARACTERS), "a" * MAX_CHARACTERS)]
)
def test_clean_caption_is_one_short_line(text: str, caption: str) -> None:
    assert clean_caption(text) == caption
