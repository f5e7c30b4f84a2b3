"""Queries in other languages with the shipped towers; English queries are unchanged."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from mm.data.query_texts import read_lines
from mm.errors import Corrupt
from mm.models.text.tower import TextTower
from mm.settings import Settings
from mm.spaces import Space, load_space
from mm.spaces.query import NON_ENGLISH, TRUNCATED, UNMEASURED_LANGUAGE, WEAK_LANGUAGE, build_query
from mm.spaces.registry import WEIGHTS

ENGLISH = [
    "a dog jumps over a fence",
    "quarterly tax return",
    "x",
    "a man with a hat sits on a bench in the park, reading",
    "dog",
]
TRANSLATED = {
    "ein Hund springt über einen Zaun": ENGLISH[0],
    "un chien saute par-dessus une clôture": ENGLISH[0],
    "pes skáče přes plot": ENGLISH[0],
    "Hund": "dog",
    "chien": "dog",
    "pes": "dog",
    "plage": "beach",
    "собака": "dog",
    "कुत्ता": "dog",
    "狗": "dog",
    "كلب": "dog",
    "hundur": "dog",
}
WEAK = {"hundur og köttur": "Icelandic", "நாய்": "Tamil"}


@pytest.fixture(scope="module")
def plain(graphs: Path) -> TextTower:
    """The English tower without the router."""
    return TextTower(graphs, threads=1)


def test_query_text_of_english_text_is_bit_identical_to_the_english_tower(space: Space, plain: TextTower) -> None:
    alone = plain.embed(ENGLISH)
    assert np.array_equal(space.text.embed(ENGLISH), alone)
    mixed = space.text.embed([ENGLISH[0], "ein Hund", *ENGLISH[1:], "un chien noir"])
    assert np.array_equal(mixed[[0, 2, 3, 4, 5]], alone)
    (evidence_query,) = (
        evidence_query
        for evidence_query in build_query(space, text=ENGLISH[0]).evidence_queries
        if evidence_query.kind == "speech"
    )
    assert np.array_equal(evidence_query.direction, plain.embed(ENGLISH[:1])[0])


def test_sentences_of_another_language_are_encoded_by_the_english_tower(space: Space, plain: TextTower) -> None:
    assert np.array_equal(space.sentences.embed(["ein Hund"]), plain.embed(["ein Hund"]))


def test_query_text_of_a_translation_is_close_to_that_of_the_english_text(space: Space) -> None:
    others = space.sentences.embed(["a red car", "two people talk in an office", "a bowl of soup", "snow on a mountain"])
    ours, theirs = space.text.embed(list(TRANSLATED)), space.sentences.embed(list(TRANSLATED.values()))
    cosines = (ours * theirs).sum(1)
    assert (cosines > 0.7).all(), dict(zip(TRANSLATED, cosines, strict=True))
    assert (cosines > (ours @ others.T).max(1) + 0.3).all()


@pytest.mark.parametrize("text", TRANSLATED)
def test_build_query_of_another_language_carries_a_note(space: Space, text: str) -> None:
    assert NON_ENGLISH in build_query(space, text=text).notes
    assert build_query(space, text=TRANSLATED[text]).notes == ()


def test_build_query_of_a_weak_or_untested_language_says_so(space: Space) -> None:
    (_, weak), (_, untested) = (build_query(space, text=text).notes for text in WEAK)
    assert weak.startswith(WEAK_LANGUAGE.split("{}")[0] + "Icelandic")
    assert untested == UNMEASURED_LANGUAGE.format("Tamil")


def test_build_query_of_a_tested_language_has_no_note_on_its_quality(space: Space) -> None:
    assert build_query(space, text="ein Hund springt über einen Zaun").notes == (NON_ENGLISH,)


def test_is_non_english_of_the_english_data_sets_is_false(space: Space) -> None:
    folder = Path(__file__).parents[2] / "datasets"
    texts = [
        text for path in (folder / "depictable" / "shown.txt", folder / "depictable" / "unshown.txt") for text in read_lines(path)
    ]
    assert len(texts) > 500
    assert [text for text in texts if space.query_text.is_non_english(text)] == []


def test_build_query_of_a_long_text_notes_the_truncation_limit_of_its_tower(space: Space) -> None:
    assert TRUNCATED.format(128) in build_query(space, text="ein Hund läuft durch den Schnee " * 40).notes
    assert build_query(space, text="a dog runs through the snow " * 20).notes == ()
    assert build_query(space, text="a dog runs through the snow " * 60).notes == (TRUNCATED.format(256),)


def test_count_tokens_counts_with_the_tower_of_the_language(space: Space) -> None:
    english, foreign = "a dog", "ein Hund springt über einen Zaun"
    counts = space.text.count_tokens([english, foreign])
    assert counts[0] == space.sentences.count_tokens([english])[0] == 4
    assert 4 < counts[1] < 20


@pytest.mark.parametrize("broken", [b"{}", b"\x02\0\0\0\0\0\0\0{}"])
def test_query_text_with_broken_language_weights_raises_corrupt(tmp_path: Path, broken: bytes) -> None:
    shutil.copytree(WEIGHTS / "lite", tmp_path / "lite", ignore=shutil.ignore_patterns("*.safetensors"))
    for name in (
        "image",
        "bank",
        "objects",
        "phrases",
        "sound",
        "sound_bank",
        "temporal",
    ):  # not read before the language weights
        (tmp_path / "lite" / f"{name}.safetensors").write_bytes(b"")
    (tmp_path / "lite" / "languages.safetensors").write_bytes(broken)
    space = load_space("lite", Settings(home=tmp_path), tmp_path)
    with pytest.raises(Corrupt, match=r"languages\.safetensors"):
        _ = space.query_text
