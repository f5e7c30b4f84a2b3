"""Distances relative to usual ones, with each fold left out."""

from __future__ import annotations

import numpy as np
import pytest

from mm.inspection.bank.nearest_folds import NearestFoldSearch
from mm.inspection.bank.patch_bank import BankSearch, PatchBank
from mm.inspection.bank.relative import RelativeSearch, search_relative_reference
from mm.numerics import Float32


def random_bank(seed: int, num_folds: int) -> PatchBank:
    random = np.random.default_rng(seed)
    folds = np.concatenate([np.arange(num_folds), random.integers(0, num_folds, 60)])
    return PatchBank(random.standard_normal((len(folds), 24)).astype(np.float16), folds)


def random_queries(seed: int) -> Float32:
    return np.random.default_rng(seed + 9).standard_normal((50, 24)).astype(np.float32)


@pytest.mark.parametrize("num_folds", [3, 4, 5, 8])
def test_relative_search_equals_reference(num_folds: int) -> None:
    bank = random_bank(num_folds, num_folds)
    queries = random_queries(num_folds)
    expected = search_relative_reference(bank, queries)
    np.testing.assert_allclose(RelativeSearch(bank, "float32").search(queries), expected, rtol=1e-4)
    # In 8 bits another vector may be taken for the nearest one where both are nearly as near.
    assert np.isclose(RelativeSearch(bank, "int8").search(queries), expected, rtol=1e-4).mean() > 0.9


@pytest.mark.parametrize("num_folds", [1, 2])
def test_relative_search_few_folds_distances_are_plain(num_folds: int) -> None:
    bank = random_bank(0, num_folds)
    plain = NearestFoldSearch(bank).search(random_queries(0)).leave_out_each(num_folds)
    np.testing.assert_array_equal(RelativeSearch(bank).search(random_queries(0)), plain)


def test_relative_search_both_has_the_plain_distances() -> None:
    bank = random_bank(0, 5)
    plain, relative = RelativeSearch(bank).search_both(random_queries(0))
    np.testing.assert_array_equal(plain, NearestFoldSearch(bank).search(random_queries(0)).leave_out_each(5))
    np.testing.assert_array_equal(relative, RelativeSearch(bank).search(random_queries(0)))


def test_relative_search_fold_left_out_does_not_contribute() -> None:
    """Column f is the same whatever the vectors of fold f are, so long as they are elsewhere."""
    bank = random_bank(2, 5)
    moved = bank.vectors_BC.copy()
    moved[bank.fold_B == 3] *= np.float16(1.5)
    column = RelativeSearch(PatchBank(moved, bank.fold_B)).search(random_queries(2))[:, 3]
    np.testing.assert_allclose(column, RelativeSearch(bank).search(random_queries(2))[:, 3], rtol=1e-4)


def test_relative_search_repeated_images_have_finite_distances() -> None:
    vectors = np.tile(np.random.default_rng(0).standard_normal((6, 24)).astype(np.float16), (4, 1))
    bank = PatchBank(vectors, np.repeat(np.arange(4), 6))
    assert np.isfinite(RelativeSearch(bank).search(random_queries(0))).all()


def test_relative_search_texture_with_large_differences_counts_less() -> None:
    random = np.random.default_rng(0)
    smooth, rough = random.normal(0, 0.1, (80, 8)), random.normal(20, 2.0, (80, 8))
    bank = PatchBank(np.concatenate([smooth, rough]).astype(np.float16), np.tile(np.arange(4), 40))
    queries = np.array([[0.0] * 7 + [2.0], [20.0] * 7 + [23.0]], np.float32)
    assert BankSearch(bank).search(queries).min(1).argmax() == 1
    assert RelativeSearch(bank).search(queries)[:, 0].argmax() == 0
