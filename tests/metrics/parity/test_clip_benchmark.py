"""Recall of images and captions equals that of CLIP_benchmark, which published tables quote."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mm.metrics import recall, recall_of_vectors
from tests.metrics.parity.official import recall_of_clip_benchmark

KS = (1, 5, 10)


def draw(seed: int, num_images: int, num_captions: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors of images and captions, and the image of each caption: a number of captions each."""
    random = np.random.default_rng(seed)
    images = random.normal(size=(num_images, 12)).astype(np.float32)
    image_of = np.concatenate([np.arange(num_images), random.integers(0, num_images, num_captions - num_images)])
    captions = (images[image_of] + 2.0 * random.normal(size=(num_captions, 12))).astype(np.float32)
    return images, captions, image_of


@pytest.mark.parametrize(("num_images", "num_captions"), [(40, 200), (11, 11), (30, 47)], ids=["five", "one each", "uneven"])
@pytest.mark.parametrize("seed", range(4))
def test_recall_equals_clip_benchmark(seed: int, num_images: int, num_captions: int) -> None:
    images, captions, image_of = draw(seed, num_images, num_captions)
    scores = captions @ images.T
    of_vectors, of_scores = recall_of_vectors(images, captions, image_of, KS), recall(scores.T, image_of, KS)
    for k in KS:
        image_retrieval, text_retrieval = recall_of_clip_benchmark(torch.from_numpy(scores), image_of.tolist(), k)
        for ours in (of_vectors, of_scores):
            assert ours.text_to_image[k] == pytest.approx(100 * image_retrieval)
            assert ours.image_to_text[k] == pytest.approx(100 * text_retrieval)


def test_recall_of_ties_is_at_most_that_of_clip_benchmark() -> None:
    """CLIP_benchmark takes any of equal scores; here a tie counts against the relevant item."""
    random = np.random.default_rng(0)
    image_of = np.arange(30) % 10
    scores = random.integers(0, 3, (30, 10)).astype(np.float32)
    for k in KS[:2]:
        theirs = recall_of_clip_benchmark(torch.from_numpy(scores), image_of.tolist(), k)
        ours = recall(scores.T, image_of, KS)
        assert ours.text_to_image[k] <= 100 * theirs[0]
        assert ours.image_to_text[k] <= 100 * theirs[1]
    constant = recall_of_clip_benchmark(torch.ones(30, 10), image_of.tolist(), 5)
    assert constant[0] > 0
    assert recall(np.ones((10, 30), np.float32), image_of, (5,)).text_to_image[5] == 0
