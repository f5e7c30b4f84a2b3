"""Distances from a bank, with each fold left out."""

from __future__ import annotations

import numpy as np
import pytest

from mm.errors import InvalidInput
from mm.inspection.bank.patch_bank import BankSearch, PatchBank, leave_out_each_fold, search_reference


def random_bank(seed: int, num_folds: int = 4) -> PatchBank:
    random = np.random.default_rng(seed)
    folds = np.concatenate([np.arange(num_folds), random.integers(0, num_folds, 60)])
    return PatchBank(random.standard_normal((len(folds), 24)).astype(np.float16), folds)


@pytest.mark.parametrize("seed", range(3))
def test_bank_search_equals_reference(seed: int) -> None:
    bank = random_bank(seed)
    queries = np.random.default_rng(seed + 9).standard_normal((50, 24)).astype(np.float32)
    np.testing.assert_allclose(BankSearch(bank).search(queries), search_reference(bank, queries), rtol=1e-4, atol=1e-4)


def test_bank_search_vector_of_the_bank_has_distance_zero() -> None:
    bank = random_bank(0)
    distances = BankSearch(bank).search(bank.vectors_BC.astype(np.float32))
    np.testing.assert_allclose(distances[np.arange(len(bank.fold_B)), bank.fold_B], 0, atol=2e-2)


@pytest.mark.parametrize("seed", range(3))
def test_leave_out_each_fold_is_the_minimum_over_the_others(seed: int) -> None:
    distances = np.random.default_rng(seed).integers(0, 5, (6, 7, 4)).astype(np.float32)
    outside = leave_out_each_fold(distances)
    for fold in range(4):
        np.testing.assert_array_equal(outside[..., fold], np.delete(distances, fold, -1).min(-1))


def test_leave_out_each_fold_one_fold_is_kept() -> None:
    distances = np.ones((3, 1), np.float32)
    np.testing.assert_array_equal(leave_out_each_fold(distances), distances)


def test_patch_bank_append_adds_a_fold() -> None:
    bank = random_bank(1)
    longer = bank.append(np.ones((5, 24), np.float32), bank.num_folds)
    assert (longer.num_folds, len(longer.vectors_BC)) == (bank.num_folds + 1, len(bank.vectors_BC) + 5)
    assert BankSearch(longer).search(np.ones((1, 24), np.float32))[0, -1] == 0


def test_patch_bank_append_extends_a_fold() -> None:
    longer = random_bank(1).append(np.ones((5, 24), np.float32), 2)
    assert BankSearch(longer).search(np.ones((1, 24), np.float32))[0, 2] == 0


@pytest.mark.parametrize(("length", "fold", "message"), [(23, 0, "24 numbers"), (24, 5, "fold 5"), (24, -1, "fold -1")])
def test_patch_bank_append_invalid_vectors_are_refused(length: int, fold: int, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        random_bank(1).append(np.ones((5, length), np.float32), fold)


@pytest.mark.parametrize(("rows", "folds"), [(0, []), (3, [0, 1]), (3, [0, 2, 2])])
def test_patch_bank_invalid_folds_are_refused(rows: int, folds: list[int]) -> None:
    with pytest.raises(InvalidInput):
        PatchBank(np.zeros((rows, 4), np.float16), np.array(folds, np.int64))
