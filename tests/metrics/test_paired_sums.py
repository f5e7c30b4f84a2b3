"""Statistics of sums are compared by the sums of groups: as with the items themselves."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.errors import InvalidInput
from mm.metrics.bootstrap import bootstrap_rows
from mm.metrics.inspection.pixel_counts import count_pixels
from mm.metrics.inspection.pixel_rows import make_pixel_rows, read_pixel_rows, score_aupro, score_auroc
from mm.metrics.inspection.pro import aupro, pixel_auroc
from mm.metrics.language.bleu import bleu, count_bleu, score_bleu_sums
from mm.metrics.paired import compare_paired, compare_sums

WORDS = ["a", "dog", "runs", "over", "the", "green", "grass", "while", "two", "people", "watch"]
SAMPLES = 60


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["mm.metrics.bootstrap"], "NUM_SAMPLES", SAMPLES)
    monkeypatch.setattr(sys.modules["mm.metrics.paired"], "NUM_PERMUTATIONS", SAMPLES)


def draw_captions(random: np.random.Generator, count: int) -> list[tuple[str, ...]]:
    return [tuple(random.choice(WORDS, random.integers(0, 9))) for _ in range(count)]


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**31), num_groups=st.sampled_from([3, 14]))
def test_compare_sums_of_bleu_equals_scoring_the_captions_of_each_sample(seed: int, num_groups: int) -> None:
    random = np.random.default_rng(seed)
    references = [draw_captions(random, 3) for _ in range(16)]
    runs = [draw_captions(random, 16) for _ in range(2)]
    groups = random.integers(0, num_groups, 16)
    first, second = (count_bleu(run, references).stack() for run in runs)
    paired = compare_sums(first, second, groups, lambda sums: score_bleu_sums(sums)[:, 1])

    def score(run: np.ndarray, rows: np.ndarray) -> float:
        """Of captions by (run, caption), scored as they are."""
        return float(bleu([runs[which][row] for which, row in zip(run, rows, strict=True)], [references[row] for row in rows])[1])

    def subtract(rows: np.ndarray) -> np.ndarray:
        return np.array([score(np.ones_like(rows), rows) - score(np.zeros_like(rows), rows)])

    expected = bootstrap_rows(16, groups, subtract)[0]
    assert (paired.difference.value, paired.difference.low, paired.difference.high) == pytest.approx(
        (expected.value, expected.low, expected.high), abs=1e-12
    )
    # An item is which run it is of, and which caption: an exchange moves it between the runs.
    keys = [np.stack([np.full(16, which), np.arange(16)], 1).astype(float) for which in (0, 1)]
    plain = compare_paired(keys[0], keys[1], groups, lambda rows: score(rows[:, 0].astype(int), rows[:, 1].astype(int)))
    assert paired.p_value == pytest.approx(plain.p_value)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**31))
def test_compare_sums_with_strata_equals_the_sums_of_the_rows_of_each_sample(seed: int) -> None:
    random = np.random.default_rng(seed)
    first, second = random.random((2, 18, 3))
    groups, strata = random.integers(0, 7, 18), random.integers(0, 2, 18)

    def ratio(sums_BK: np.ndarray) -> np.ndarray:
        return np.asarray(sums_BK[:, 0] / (sums_BK[:, 1] + sums_BK[:, 2]))

    paired = compare_sums(first, second, groups, ratio, strata_Q=strata)
    plain = compare_paired(first, second, groups, lambda rows: float(ratio(rows.sum(0)[None])[0]), strata_Q=strata)
    assert paired.p_value == plain.p_value
    assert paired.difference.low == pytest.approx(plain.difference.low)
    assert paired.difference.high == pytest.approx(plain.difference.high)


def test_compare_sums_of_other_shapes_raises_invalid_input() -> None:
    with pytest.raises(InvalidInput, match="cannot be paired"):
        compare_sums(np.ones((3, 2)), np.ones((4, 2)), np.arange(3), lambda sums: sums[:, 0])


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**31), strength=st.sampled_from([0.5, 2.0, 5.0]))
def test_pixel_rows_of_repeated_images_score_as_their_sorted_pixels(seed: int, strength: float) -> None:
    random = np.random.default_rng(seed)
    heats, masks = [], []
    for number in range(6):
        mask = np.zeros((40, 50), bool)
        if number % 2:
            mask[3 : 3 + random.integers(3, 20), 4 : 4 + random.integers(3, 30)] = True
        heats.append(np.exp(random.normal(size=mask.shape) + strength * mask))
        masks.append(mask)
    dense = [read_pixel_rows(rows) for rows in make_pixel_rows(count_pixels(heats, masks))]
    rows = [*random.integers(0, 6, 5), 1]
    sums, sample = sum(dense[row] for row in rows), ([heats[row] for row in rows], [masks[row] for row in rows])
    assert score_auroc(np.asarray(sums)) == pytest.approx(pixel_auroc(*sample), abs=0.002)
    assert score_aupro(np.asarray(sums)) == pytest.approx(aupro(*sample), abs=0.004)


def test_pixel_rows_without_defective_pixels_score_not_a_number() -> None:
    counts = count_pixels([np.arange(12.0).reshape(3, 4)], [np.zeros((3, 4), bool)])
    dense = read_pixel_rows(make_pixel_rows(counts)[0])
    assert dense.sum() == 12
    assert np.isnan(score_auroc(dense))
    assert np.isnan(score_aupro(dense))
