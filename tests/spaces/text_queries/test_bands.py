"""The probability that a hit is right: its order, its features, and its file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.errors import Corrupt
from mm.spaces.registry import WEIGHTS
from mm.spaces.text_queries.bands import (
    FEATURES,
    HIT_FEATURES,
    LibraryStatistics,
    TextFeatures,
    best_band,
    choose_band,
    compute_confidences,
    compute_features,
    compute_statistics,
    count_words,
    describe_other_text,
    describe_text,
    log_odds_without,
)
from mm.spaces.text_queries.calibration import BandCalibration, read_band_calibration
from mm.spaces.text_queries.word_heads import HeadScale

CALIBRATION = BandCalibration.model_validate_json((WEIGHTS / "lite" / "bands.json").read_text())
TEXTS = ("dog", "brown dog", "a man climbs a mountain in the snow", "two dogs", "in the kitchen", "zzyzx")


def compute_plainly(
    logit: float, best: float, second: float, excluded: float, statistics: LibraryStatistics, text: TextFeatures
) -> dict[str, float]:
    """The features of one hit, by name: the reference implementation."""
    expected = float(np.sqrt(2 * np.log(statistics.count)))
    scale = text.head_scale or HeadScale(0.0, 0.0)
    values = {}
    for prefix, value in (("", logit), ("best ", best)):
        deviations = (value - statistics.mean) / statistics.deviation - expected
        for name, own in (("score", value), ("deviations", deviations)):
            values |= {
                prefix + name: own,
                f"{prefix}{name} short": own * text.is_short,
                f"{prefix}{name} long": own * text.is_long,
            }
        heads = scale.slope * value + scale.offset
        values |= {f"{prefix}heads": heads, f"{prefix}heads short": heads * text.is_short}
    values |= {"lead": best - second, "lead long": (best - second) * text.is_long}
    return values | dict(zip(FEATURES[-len(text.values) - 1 : -1], text.values, strict=True)) | {"excluded": excluded}


def test_compute_features_equals_the_reference_implementation_by_name() -> None:
    statistics = LibraryStatistics(1500, -5.0, 1.5)
    text = describe_text("a red dog", -0.1, None, HeadScale(0.4, -1.0), is_negated=True)
    features = compute_features(np.array([2.0, 1.0, -3.0]), np.array([0.9, 0.4, 0.2]), statistics, text)
    for row, logit in zip(features, (2.0, 1.0, -3.0), strict=True):
        assert dict(zip(FEATURES, row, strict=True)) == pytest.approx(compute_plainly(logit, 2.0, 1.0, 0.5, statistics, text))


@given(
    logits=st.lists(st.floats(-15, 15), min_size=1, max_size=12),
    text=st.sampled_from(TEXTS),
    is_english=st.booleans(),
    mean=st.floats(-12, 0),
    deviation=st.floats(0, 5),
    count=st.integers(1, 1_000_000),
)
def test_bands_of_one_query_are_monotonic_in_the_score(
    logits: list[float], text: str, is_english: bool, mean: float, deviation: float, count: int
) -> None:
    descending = np.array(sorted(logits, reverse=True))
    scale = HeadScale(0.3, 0.0)
    english = describe_text(text, -0.5, None, scale, is_negated=False)
    described = english if is_english else describe_other_text(text, ["dog"], -0.5, scale, is_negated=False)
    features = compute_features(descending, np.ones(len(descending)), LibraryStatistics(count, mean, deviation), described)
    confidences = compute_confidences(CALIBRATION.find_fit(is_english=described.is_english), features)
    assert ((confidences >= 0) & (confidences <= 1)).all()
    assert (np.diff(confidences) <= 1e-12).all()
    order = ["likely", "possible", "weak"]
    bands = [choose_band(float(each), CALIBRATION.likely, CALIBRATION.possible) for each in confidences]
    assert bands == sorted(bands, key=order.index)
    assert best_band(bands) == bands[0]


def test_shipped_bands_have_all_features_and_no_negative_slope() -> None:
    for fit in (CALIBRATION.english, CALIBRATION.other):
        assert set(fit.coefficients) == set(FEATURES)
        assert all(fit.coefficients[name] >= 0 for name in HIT_FEATURES)
    assert 0 < CALIBRATION.possible < CALIBRATION.likely < 1


def test_describe_text_finds_colours_numbers_places_and_unknown_words() -> None:
    def found(text: str) -> set[str]:
        values = describe_text(text, -20.0, None, None, is_negated=False).values
        named = dict(zip(FEATURES[-len(values) - 1 : -1], values, strict=True))
        assert named["depictable"] == -6.0
        return {name for name in ("short", "long", "very long", "colour", "number", "place", "unknown word") if named[name]}

    assert found("dog") == {"short"}
    assert found("red shirt") == {"colour"}
    assert found("two dogs") == {"number"}
    assert found("in the kitchen") == {"place"}
    assert found("bycicle") == {"short", "unknown word"}
    assert found("a man in a red shirt climbs a mountain") == {"long"}
    assert found("") == set()


def test_describe_text_without_its_typing_errors_says_so() -> None:
    plain, corrected = (describe_text("beach", -0.1, None, None, is_negated=False, is_corrected=flag) for flag in (False, True))
    assert corrected.values[:-1] == plain.values[:-1]
    assert (plain.values[-1], corrected.values[-1]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Hund", 1),
        ("schwarzer Hund", 2),
        ("狗", 1),
        ("黑狗", 1),
        ("红色的公共汽车", 4),
        ("赤い bus", 2),
        ("गेंद", 1),
        ("", 0),
        ("?!", 0),
    ],
)
def test_count_words_counts_two_letters_of_scripts_without_spaces_as_a_word(text: str, count: int) -> None:
    assert count_words(text) == count


def test_describe_other_text_has_the_length_and_no_english_wording() -> None:
    described = describe_other_text("in rot", ["red"], -0.5, None, is_negated=True)
    named = dict(zip(FEATURES[-len(described.values) - 1 : -1], described.values, strict=True))
    assert {name for name, value in named.items() if value} == {"depictable", "words", "word heads", "negated"}
    assert not described.is_english


def test_statistics_of_a_library_include_the_bank() -> None:
    statistics = compute_statistics(100, np.array([1.0, 3.0]), np.array([2.0, 2.0]))
    assert (statistics.count, statistics.mean, statistics.deviation) == (102, 2.0, pytest.approx(0.5**0.5))


@pytest.mark.parametrize(("probability", "kept"), [(0.0, 1.0), (1.0, 1.0), (0.5, 0.0)])
def test_log_odds_without_is_finite_at_the_ends(probability: float, kept: float) -> None:
    assert np.isfinite(log_odds_without(probability, kept))


def test_read_band_calibration_of_a_missing_broken_or_foreign_file(tmp_path: Path) -> None:
    path = tmp_path / "bands.json"
    assert read_band_calibration(path, "x") is None
    path.write_text(CALIBRATION.model_dump_json())
    assert read_band_calibration(path, CALIBRATION.image_weights) == CALIBRATION
    with pytest.raises(Corrupt, match="other weights"):
        read_band_calibration(path, "x")
    path.write_text(json.dumps({"likely": 0.5}))
    with pytest.raises(Corrupt, match="not a calibration of bands"):
        read_band_calibration(path, "x")
