"""Detection of the language of a text, and what is said about weak ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm.errors import Corrupt
from mm.models.text.language_detector import LanguageDetector, find_language, read_languages, simplify
from mm.models.text.language_quality import LanguageQuality, read_language_quality

QUALITY = LanguageQuality(0.9, {"de": 0.6, "son": 0.2, "ff": 0.3})


def test_detect_gives_the_probability_of_each_language() -> None:
    detector = LanguageDetector(np.array([[4.0, 0.0], [0.0, 4.0]], np.float32), np.zeros(2, np.float32), ["de", "fi"])
    probabilities = detector.detect(np.array([3.0, 0.0], np.float32))
    assert probabilities["de"] > 0.95
    assert sum(probabilities.values()) == pytest.approx(1)


def test_detect_of_a_text_without_tokens_gives_the_prior() -> None:
    detector = LanguageDetector(np.ones((2, 2), np.float32), np.log(np.array([3, 1], np.float32)), ["de", "fi"])
    assert detector.detect(np.zeros(2, np.float32)) == pytest.approx({"de": 0.75, "fi": 0.25})


def test_detect_without_languages_gives_none() -> None:
    assert LanguageDetector(np.zeros((0, 2), np.float32), np.zeros(0, np.float32), []).detect(np.ones(2, np.float32)) == {}


@pytest.mark.parametrize(
    ("code", "name"),
    [("pt_BR", "Portuguese"), ("ca@valencia", "Catalan"), ("sr-Latn", "Serbian"), ("fin", "Finnish"), ("no", "Norwegian Bokmål")],
)
def test_find_language_of_a_regional_or_long_code_returns_the_language(code: str, name: str) -> None:
    language = find_language(code)
    assert language is not None
    assert language.name == name


def test_find_language_of_an_unlisted_code_returns_none() -> None:
    assert find_language("tlh") is None


def test_read_languages_has_distinct_names_and_codes() -> None:
    languages = read_languages().values()
    assert len({language.name for language in languages}) == len({language.iso_639_3 for language in languages}) == len(languages)


def test_simplify_removes_case_and_punctuation() -> None:
    assert simplify("Ein Hund, der läuft.") == "ein hund der läuft"


def test_find_weak_of_a_language_with_good_recall_returns_none() -> None:
    assert QUALITY.find_weak({"de": 0.7, "son": 0.3}) is None


def test_find_weak_adds_the_probabilities_of_weak_languages() -> None:
    weak = QUALITY.find_weak({"de": 0.4, "son": 0.35, "ff": 0.25})
    assert weak is not None
    assert (weak.name, weak.recall, weak.english) == ("Songhay", 0.2, 0.9)


def test_find_weak_of_a_language_without_a_measurement_has_no_recall() -> None:
    weak = QUALITY.find_weak({"ta": 0.9, "de": 0.1})
    assert weak is not None
    assert (weak.name, weak.recall) == ("Tamil", None)


def test_read_language_quality_reads_what_to_json_writes(tmp_path: Path) -> None:
    path = tmp_path / "languages.json"
    path.write_text(QUALITY.to_json())
    read = read_language_quality(path)
    assert (read.english, read.recalls) == (QUALITY.english, QUALITY.recalls)


@pytest.mark.parametrize("content", ["", "{}", '{"english": 1, "languages": []}'])
def test_read_language_quality_of_another_form_raises_corrupt(tmp_path: Path, content: str) -> None:
    path = tmp_path / "languages.json"
    path.write_text(content)
    with pytest.raises(Corrupt, match=r"languages\.json"):
        read_language_quality(path)
