"""Captions without images, with vectors of 8 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mm.data.language.captions import CaptionExample
from mm.errors import InvalidInput
from mm.training.language.data_sets.sets import read_text_captions, write_text_captions
from mm.training.language.data_sets.text_captions import average_by_image
from tests.training.language.tiny_training import CPU, load_tokenizer

REFERENCES = [("A dog runs.", "A dog."), ("Two men ride.",)]


def test_average_by_image_gives_the_unit_mean_of_the_captions_of_each_image() -> None:
    examples = [CaptionExample(None, source, text, ()) for source, text in (("1", "A."), ("2", "B."), ("1", "C."))]
    vectors = np.array([[1, 0, 0], [0, 0, 2], [0, 1, 0]], np.float32)
    references, means = average_by_image(examples, vectors)
    assert references == [("A.", "C."), ("B.",)]
    np.testing.assert_allclose(means, [[0.5**0.5, 0.5**0.5, 0], [0, 0, 1]], atol=1e-6)


def test_text_captions_are_read_as_written_with_unit_vectors(tmp_path: Path) -> None:
    vectors = torch.randn(2, 384, generator=torch.Generator().manual_seed(0))
    write_text_captions(tmp_path / "texts.safetensors", REFERENCES, vectors)
    captions = read_text_captions(tmp_path / "texts.safetensors", load_tokenizer(), CPU)
    assert captions.references == REFERENCES
    assert captions.vectors_ND is not None
    cosines = torch.nn.functional.cosine_similarity(captions.vectors_ND, vectors)
    assert (cosines > 0.9999).all()
    assert captions.vectors_ND.norm(dim=1).allclose(torch.ones(2))
    assert captions.lengths_NJ[1].unique().numel() == 1  # an image with one caption repeats it


def test_read_text_captions_of_another_file_raises_invalid_input(tmp_path: Path) -> None:
    (tmp_path / "texts.safetensors").write_bytes(b"none")
    with pytest.raises(InvalidInput, match="no captions with vectors"):
        read_text_captions(tmp_path / "texts.safetensors", load_tokenizer(), CPU)
