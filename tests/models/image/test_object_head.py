"""The head of objects: probabilities, captions that are checked with them, and its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm.errors import Corrupt
from mm.metrics.language.objects import default_object_words
from mm.metrics.language.ptb_tokenizer import tokenize
from mm.models.image.object_head import ObjectHead
from mm.numerics import normalize_rows, sigmoid

RANDOM = np.random.default_rng(0)
HEAD = ObjectHead(
    "abc",
    ("dog", "person", "water"),
    RANDOM.standard_normal((8, 3), np.float32).T,
    RANDOM.standard_normal(3, np.float32),
    other_probability=0.01,
)
IMAGES = normalize_rows(RANDOM.standard_normal((4, 8), np.float32))
CAPTIONS = ("A man and his dog run into the water.", "A dog chases a dog.", "Something happens.", "A zebra.")


def test_object_head_predicts_the_logistic_function_of_its_weights() -> None:
    expected = sigmoid((IMAGES @ HEAD.weight_CD.T + HEAD.bias_C).astype(np.float64))
    assert np.exp(HEAD.predict_log_probabilities(IMAGES)) == pytest.approx(expected, rel=1e-6)


def test_object_head_scores_a_caption_by_each_object_that_it_names() -> None:
    words = default_object_words()
    for caption, image_D, score in zip(CAPTIONS, IMAGES, HEAD.score_captions(CAPTIONS, IMAGES), strict=True):
        expected = 0.0
        for name in words.find(tokenize(caption)):
            if name in HEAD.objects:
                column = HEAD.objects.index(name)
                expected += np.log(sigmoid(np.float64(HEAD.weight_CD[column] @ image_D + HEAD.bias_C[column])[None])[0])
            else:
                expected += np.log(0.01)
        assert score == pytest.approx(expected, abs=1e-5)
    assert HEAD.score_captions(CAPTIONS, IMAGES)[2] == 0.0, "no object is named"


def test_object_head_that_was_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "objects.safetensors").write_bytes(HEAD.to_bytes())
    head = ObjectHead.read(tmp_path / "objects.safetensors")
    assert (head.image_weights, head.objects, head.other_probability) == ("abc", HEAD.objects, 0.01)
    assert head.score_captions(CAPTIONS, IMAGES) == pytest.approx(HEAD.score_captions(CAPTIONS, IMAGES), abs=0.02)


@pytest.mark.parametrize("content", [b"", b"no safetensors"])
def test_object_head_read_of_another_file_raises_corrupt(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "objects.safetensors").write_bytes(content)
    with pytest.raises(Corrupt, match="is no head of objects"):
        ObjectHead.read(tmp_path / "objects.safetensors")
