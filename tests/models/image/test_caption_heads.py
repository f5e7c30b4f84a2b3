"""The heads of captions: objects and phrases that captions are scored with, and their files."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mm.errors import Corrupt
from mm.metrics.language.objects import default_object_words
from mm.metrics.language.ptb_tokenizer import tokenize
from mm.models.image.caption_heads import OBJECTS, PHRASES, CaptionHeads, list_phrases, read_caption_heads
from mm.models.image.linear_head import LinearHead
from mm.numerics import normalize_rows, sigmoid

RANDOM = np.random.default_rng(0)
DIM = 8


def make_head(*names: str) -> LinearHead:
    weights = RANDOM.standard_normal((DIM, len(names)), np.float32).T
    shares = RANDOM.uniform(0.05, 0.5, len(names)).astype(np.float32)
    return LinearHead("abc", names, weights, RANDOM.standard_normal(len(names), np.float32), shares, other_share=0.01)


HEADS = CaptionHeads(make_head("dog", "person", "water"), make_head("a", "dog", "a dog", "into the", "water"))
IMAGES = normalize_rows(RANDOM.standard_normal((5, DIM), np.float32))
CAPTIONS = ("A man and his dog run into the water.", "A dog chases a dog.", "Something happens.", "A zebra.", "")


def probability(head: LinearHead, name: str, image_D: np.ndarray) -> float:
    column = head.names.index(name)
    return float(sigmoid(np.float64(head.weight_CD[column] @ image_D + head.bias_C[column])[None])[0])


def test_linear_head_predicts_the_logistic_function_of_its_weights() -> None:
    head = HEADS.objects
    expected = [[probability(head, name, image) for name in head.names] for image in IMAGES]
    assert np.exp(head.predict_log_probabilities(IMAGES)) == pytest.approx(np.array(expected), rel=1e-5)


def test_caption_heads_score_each_object_that_a_caption_names() -> None:
    words = default_object_words()
    for caption, image_D, score in zip(CAPTIONS, IMAGES, HEADS.score_objects(CAPTIONS, IMAGES), strict=True):
        objects = words.find(tokenize(caption))
        expected = [probability(HEADS.objects, name, image_D) if name in HEADS.objects.names else 0.01 for name in objects]
        assert score == pytest.approx(sum(np.log(expected)), abs=1e-5)
    assert HEADS.score_objects(CAPTIONS, IMAGES)[2] == 0.0, "no object is named"


def test_caption_heads_score_the_expected_overlap_of_phrases() -> None:
    for caption, image_D, score in zip(CAPTIONS, IMAGES, HEADS.score_phrases(CAPTIONS, IMAGES), strict=True):
        tokens, expected = tokenize(caption), 0.0
        for phrases in ({*tokens}, {f"{first} {second}" for first, second in pairwise(tokens)}):
            overlap = squares = 0.0
            for phrase in phrases:
                is_known = phrase in HEADS.phrases.names
                share = HEADS.phrases.share_C[HEADS.phrases.names.index(phrase)] if is_known else 0.01
                squares += np.log(share) ** 2
                overlap += np.log(share) ** 2 * probability(HEADS.phrases, phrase, image_D) if is_known else 0.0
            expected += overlap / np.sqrt(squares) if squares else 0.0
        assert score == pytest.approx(expected, abs=1e-5)


def test_list_phrases_lists_each_phrase_once() -> None:
    assert list_phrases(("a", "dog", "and", "a", "dog"), 2) == ["a dog", "dog and", "and a"]
    assert list_phrases(("a",), 2) == []


def test_caption_heads_that_were_written_are_read(tmp_path: Path) -> None:
    (tmp_path / OBJECTS).write_bytes(HEADS.objects.to_bytes())
    (tmp_path / PHRASES).write_bytes(HEADS.phrases.to_bytes())
    heads = read_caption_heads(tmp_path, "abc")
    assert (heads.objects.names, heads.objects.other_share) == (HEADS.objects.names, 0.01)
    assert heads.score_objects(CAPTIONS, IMAGES) == pytest.approx(HEADS.score_objects(CAPTIONS, IMAGES), abs=0.02)
    assert heads.score_phrases(CAPTIONS, IMAGES) == pytest.approx(HEADS.score_phrases(CAPTIONS, IMAGES), abs=0.02)
    with pytest.raises(Corrupt, match="belongs to other weights"):
        read_caption_heads(tmp_path, "def")


@pytest.mark.parametrize("content", [b"", b"no safetensors"])
def test_linear_head_read_of_another_file_raises_corrupt(tmp_path: Path, content: bytes) -> None:
    (tmp_path / OBJECTS).write_bytes(content)
    with pytest.raises(Corrupt, match="is no head of an image tower"):
        LinearHead.read(tmp_path / OBJECTS)
