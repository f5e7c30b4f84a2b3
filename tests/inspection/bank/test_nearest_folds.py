"""The two nearest folds of a bank, by products of float32 and of 8-bit integers."""

from __future__ import annotations

import numpy as np
import pytest

import mm.inspection.bank.nearest_folds as nearest_folds
from mm.inspection.bank.nearest_folds import NearestFoldSearch, choose_precision, find_nearest_folds
from mm.inspection.bank.patch_bank import BankSearch, PatchBank, leave_out_each_fold, search_reference
from mm.inspection.bank.similarity import LARGEST, ByteSimilarity, encode_offsets
from mm.numerics import Float32

CHANNELS = 24


def random_bank(seed: int, num_folds: int, count: int = 200) -> PatchBank:
    """Around a mean that is not 0, with folds of different sizes in no order."""
    random = np.random.default_rng(seed)
    folds = np.concatenate([np.arange(num_folds), random.integers(0, num_folds, count)])
    return PatchBank((random.standard_normal((len(folds), CHANNELS)) * 3 + 5).astype(np.float16), folds)


def random_queries(seed: int, count: int = 300) -> Float32:
    return (np.random.default_rng(seed + 9).standard_normal((count, CHANNELS)) * 2 + 5).astype(np.float32)


@pytest.mark.parametrize("num_folds", [1, 2, 7])
def test_nearest_fold_search_in_float32_equals_reference(num_folds: int) -> None:
    bank, queries = random_bank(num_folds, num_folds), random_queries(num_folds)
    found = NearestFoldSearch(bank, "float32").search(queries)
    expected = find_nearest_folds(BankSearch(bank), queries)
    np.testing.assert_allclose(found.distances_N2, expected.distances_N2, rtol=1e-4)
    np.testing.assert_array_equal(found.folds_N2, expected.folds_N2)
    np.testing.assert_array_equal(found.rows_N2, expected.rows_N2)
    outside_NF = leave_out_each_fold(search_reference(bank, queries))
    np.testing.assert_allclose(found.leave_out_each(num_folds), outside_NF, rtol=1e-4)


@pytest.mark.parametrize("num_folds", [1, 2, 7])
def test_nearest_fold_search_in_int8_is_close_to_reference(num_folds: int) -> None:
    bank, queries = random_bank(num_folds, num_folds), random_queries(num_folds)
    found = NearestFoldSearch(bank, "int8").search(queries)
    expected_N2 = find_nearest_folds(BankSearch(bank), queries).distances_N2
    ratio_N2 = found.distances_N2 / expected_N2
    assert (ratio_N2 > 1 - 1e-4).all(), "a distance is that of a vector of the bank"
    assert ratio_N2.max() < 1.02
    assert ratio_N2.mean() < 1.001
    # Folds and rows name the vectors that the distances are of.
    vectors_N2C = bank.vectors_BC[found.rows_N2].astype(np.float32)
    np.testing.assert_allclose(np.linalg.norm(queries[:, None] - vectors_N2C, axis=2), found.distances_N2, rtol=1e-4)
    np.testing.assert_array_equal(bank.fold_B[found.rows_N2], found.folds_N2)


def test_nearest_fold_search_in_int8_query_outside_the_range_is_exact() -> None:
    bank, queries = random_bank(3, 4), random_queries(3)
    queries[5::7, 11] += 500
    found, expected = NearestFoldSearch(bank, "int8").search(queries), find_nearest_folds(BankSearch(bank), queries)
    np.testing.assert_array_equal(found.distances_N2[5::7], expected.distances_N2[5::7])
    np.testing.assert_array_equal(found.rows_N2[5::7], expected.rows_N2[5::7])


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_nearest_fold_search_parts_and_threads_equal_one_part(
    precision: nearest_folds.Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, queries = NearestFoldSearch(random_bank(1, 5), precision), random_queries(1)
    whole = search.search(queries)
    monkeypatch.setattr(nearest_folds, "SCORES_AT_ONCE", 1)
    monkeypatch.setattr("faiss.omp_get_max_threads", lambda: 3)
    parts = search.search(queries)
    np.testing.assert_allclose(parts.distances_N2, whole.distances_N2, rtol=1e-6)
    np.testing.assert_array_equal(parts.rows_N2, whole.rows_N2)
    assert search.search(queries[:0]).distances_N2.shape == (0, 2)


def test_byte_similarity_scores_order_vectors_by_distance() -> None:
    vectors = random_bank(2, 1, 60).vectors_BC.astype(np.float32)
    similarity, queries = ByteSimilarity(vectors), random_queries(2, 20)
    scores, is_outside = similarity.score(queries)
    assert not is_outside.any()
    squares = np.square(queries[:, None] - vectors).sum(2)
    computed = -2 * similarity.step**2 * scores.astype(np.float64)
    difference = computed - squares
    # Up to a number for each query, which the order does not depend on.
    np.testing.assert_allclose(difference, np.broadcast_to(difference.mean(1, keepdims=True), difference.shape), atol=6)


def test_encode_offsets_digits_give_the_rounded_offsets() -> None:
    offsets = np.array([0.0, 0.4, 126.6, 127.0, 16_129.0, 85_270.5, 1_354_752.0])
    digits = encode_offsets(offsets).astype(np.int64)
    assert digits.min() >= 0
    np.testing.assert_array_equal(LARGEST * digits[:, :-1].sum(1) + digits[:, -1], np.rint(offsets))


def test_choose_precision_needs_dot_products_and_distances_above_the_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = random_bank(0, 4)
    outlier = PatchBank(np.concatenate([bank.vectors_BC, np.full((1, CHANNELS), 3000, np.float16)]), np.append(bank.fold_B, 0))
    monkeypatch.setattr(nearest_folds, "read_cpu_flags", lambda: frozenset({"avx512_vnni"}))
    choices = [choose_precision(each, BankSearch(each)) for each in (bank, outlier, random_bank(0, 1))]
    assert choices == ["int8", "float32", "float32"]
    monkeypatch.setattr(nearest_folds, "read_cpu_flags", lambda: frozenset({"avx2"}))
    assert choose_precision(bank, BankSearch(bank)) == "float32"
