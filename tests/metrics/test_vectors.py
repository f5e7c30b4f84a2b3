"""Ranks from vectors in blocks equal those of the whole matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.bench.evaluation.similarity import measure_similarity
from mm.errors import InvalidInput
from mm.metrics import recall, recall_of_vectors
from mm.metrics.ranking import average_precision_at, first_ranks
from mm.metrics.retrieval import rank_both_ways
from mm.metrics.vectors import rank_retrieval


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vectors of few small integers, so that duplicates and exact ties are common, and labels."""
    num_queries, num_items = draw(st.integers(1, 12)), draw(st.integers(1, 20))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    queries, items = (random.integers(-1, 2, (count, 3)).astype(np.float32) for count in (num_queries, num_items))
    label_E = random.integers(0, 5, num_items)
    return queries, items, random.choice(label_E, num_queries), label_E


@settings(max_examples=200, deadline=None)
@given(cases(), st.integers(1, 8), st.sampled_from([1, 100, 1 << 20]))
def test_rank_retrieval_equals_measures_of_the_whole_matrix(
    case: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], depth: int, max_bytes: int
) -> None:
    queries, items, label_Q, label_E = case
    scores, relevant = queries @ items.T, label_Q[:, None] == label_E
    ranks = rank_retrieval(queries, items, label_Q, label_E, depth, max_bytes)
    assert ranks.first_Q.tolist() == first_ranks(scores, relevant).tolist()
    assert ranks.average_precision_Q == pytest.approx(average_precision_at(scores, relevant, depth))
    assert ranks.best_Q.tolist() == scores.argmax(1).tolist()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_rank_retrieval_of_duplicates_in_other_blocks_counts_ties_against_the_relevant(dtype: type) -> None:
    """Each image is there three times: the rank of a caption is 3. Sums of these are exact."""
    random = np.random.default_rng(0)
    images = np.tile(random.choice((-1, 1), (101, 64)), (3, 1)).astype(dtype)
    captions = images[:101] * 2
    ranks = rank_retrieval(captions, images, np.arange(101), np.arange(303), max_bytes=303 * 4 * 7)
    assert set(ranks.first_Q.tolist()) == {3}
    assert ranks.average_precision_Q == pytest.approx(1 / 3)


def test_rank_both_ways_leaves_out_images_without_captions() -> None:
    random = np.random.default_rng(1)
    images, captions, image_of = random.normal(size=(6, 4)), random.normal(size=(9, 4)), np.array([5, 5, 0, 2, 2, 2, 3, 0, 5])
    to_image, to_text = rank_both_ways(images, captions, image_of)
    assert (len(to_image.first_Q), len(to_text.first_Q)) == (9, 4)
    assert recall_of_vectors(images, captions, image_of) == recall(
        images.astype(np.float32) @ captions.astype(np.float32).T, image_of
    )


def test_recall_of_vectors_equals_clip_benchmark() -> None:
    """Recall as LAION-AI/CLIP_benchmark defines it (clip_benchmark/metrics/zeroshot_retrieval.py,
    `recall_at_k`): hits among the k best divided by the number of relevant, above 0."""
    random = np.random.default_rng(2)
    images = random.normal(size=(40, 16))
    image_of = np.repeat(np.arange(40), 5)
    captions = images[image_of] + 2.0 * random.normal(size=(200, 16))
    scores = captions.astype(np.float32) @ images.astype(np.float32).T
    positive_pairs = image_of[:, None] == np.arange(40)

    def recall_at_k(scores: np.ndarray, positive: np.ndarray, k: int) -> np.ndarray:
        best = np.argsort(-scores, axis=1)[:, :k]
        hits = np.eye(scores.shape[1], dtype=bool)[best].any(1) & positive
        return hits.sum(1) / positive.sum(1)

    ours = recall_of_vectors(images, captions, image_of, (1, 5, 10))
    for k in (1, 5, 10):
        assert ours.text_to_image[k] == pytest.approx(100 * (recall_at_k(scores, positive_pairs, k) > 0).mean())
        assert ours.image_to_text[k] == pytest.approx(100 * (recall_at_k(scores.T, positive_pairs.T, k) > 0).mean())


@pytest.mark.parametrize(
    ("queries", "items", "label_Q", "label_E", "depth"),
    [
        (np.ones((2, 3)), np.ones((2, 4)), [0, 1], [0, 1], 5),
        (np.ones((2, 3)), np.ones((2, 3)), [0], [0, 1], 5),
        (np.ones((2, 3)), np.ones((2, 3)), [0, 1], [0, 0], 5),
        (np.ones((0, 3)), np.ones((2, 3)), [], [0, 1], 5),
        (np.full((2, 3), np.nan), np.ones((2, 3)), [0, 1], [0, 1], 5),
        (np.full((2, 3), 1e25), np.full((2, 3), 1e25), [0, 1], [0, 1], 5),
        (np.ones((2, 3)), np.ones((2, 3)), [0, 1], [0, 1], 0),
    ],
    ids=["lengths", "labels", "nothing relevant", "empty", "not finite", "overflow", "depth"],
)
def test_rank_retrieval_of_invalid_input_raises_invalid_input(
    queries: np.ndarray, items: np.ndarray, label_Q: list[int], label_E: list[int], depth: int
) -> None:
    with pytest.raises(InvalidInput):
        rank_retrieval(queries, items, np.array(label_Q, int), np.array(label_E, int), depth)


def test_rank_both_ways_refuses_an_image_index_outside() -> None:
    for image_of in ([0, 2], [-1, 0]):
        with pytest.raises(InvalidInput):
            rank_both_ways(np.ones((2, 3)), np.ones((2, 3)), np.array(image_of))


def test_measure_similarity_runs_both_methods_on_small_sizes() -> None:
    timing = measure_similarity(20, 100, dimensions=8)
    assert timing.whole_bytes == 4 * 20 * 100
    assert timing.whole_seconds is not None
