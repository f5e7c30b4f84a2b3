"""Questions in other languages, with the shipped towers: what they mean, and that English is left
as it was."""

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
from mm.spaces.query import NON_ENGLISH, TRUNCATED, build_query
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
}


@pytest.fixture(scope="module")
def plain(graphs: Path) -> TextTower:
    """The English tower as there is nothing around it."""
    return TextTower(graphs, threads=1)


def test_english_vectors_are_the_same_to_the_bit(space: Space, plain: TextTower) -> None:
    alone = plain.embed(ENGLISH)
    assert np.array_equal(space.text.embed(ENGLISH), alone)
    mixed = space.text.embed([ENGLISH[0], "ein Hund", *ENGLISH[1:], "un chien noir"])
    assert np.array_equal(mixed[[0, 2, 3, 4, 5]], alone)
    (probe,) = (probe for probe in build_query(space, text=ENGLISH[0]).evidence_queries if probe.kind == "speech")
    assert np.array_equal(probe.direction, plain.embed(ENGLISH[:1])[0])


def test_names_and_spoken_words_are_read_as_english_whatever_they_are(space: Space, plain: TextTower) -> None:
    assert np.array_equal(space.sentences.embed(["ein Hund"]), plain.embed(["ein Hund"]))


def test_a_translation_means_what_its_english_means(space: Space) -> None:
    others = space.sentences.embed(["a red car", "two people talk in an office", "a bowl of soup", "snow on a mountain"])
    ours, theirs = space.text.embed(list(TRANSLATED)), space.sentences.embed(list(TRANSLATED.values()))
    alike = (ours * theirs).sum(1)
    assert (alike > 0.7).all(), dict(zip(TRANSLATED, alike, strict=True))
    assert (alike > (ours @ others.T).max(1) + 0.3).all()


@pytest.mark.parametrize("text", TRANSLATED)
def test_the_answer_says_that_another_tower_read_the_words(space: Space, text: str) -> None:
    assert build_query(space, text=text).notes == (NON_ENGLISH,)
    assert build_query(space, text=TRANSLATED[text]).notes == ()


def test_no_english_of_our_sets_is_taken_for_another_language(space: Space) -> None:
    folder = Path(__file__).parents[2] / "datasets"
    texts = [
        text for path in (folder / "depictable" / "shown.txt", folder / "depictable" / "unshown.txt") for text in read_lines(path)
    ]
    assert len(texts) > 500
    assert [text for text in texts if space.query_text.is_non_english(text)] == []


def test_a_long_question_is_cut_where_its_own_tower_stops(space: Space) -> None:
    assert TRUNCATED.format(64) in build_query(space, text="ein Hund läuft durch den Schnee " * 20).notes
    assert build_query(space, text="a dog runs through the snow " * 20).notes == ()
    assert build_query(space, text="a dog runs through the snow " * 60).notes == (TRUNCATED.format(256),)


def test_tokens_are_counted_by_the_tower_that_reads_them(space: Space) -> None:
    english, foreign = "a dog", "ein Hund springt über einen Zaun"
    counts = space.text.count_tokens([english, foreign])
    assert counts[0] == space.sentences.count_tokens([english])[0] == 4
    assert 4 < counts[1] < 20


@pytest.mark.parametrize("broken", [b"{}", b"\x02\0\0\0\0\0\0\0{}"])
def test_weights_that_are_none_are_corrupt(tmp_path: Path, broken: bytes) -> None:
    shutil.copytree(WEIGHTS / "lite", tmp_path / "lite", ignore=shutil.ignore_patterns("*.safetensors"))
    for name in ("image", "bank", "sound", "sound_bank", "temporal"):  # not read before the question is
        (tmp_path / "lite" / f"{name}.safetensors").write_bytes(b"")
    (tmp_path / "lite" / "languages.safetensors").write_bytes(broken)
    space = load_space("lite", Settings(home=tmp_path), tmp_path)
    with pytest.raises(Corrupt, match=r"languages\.safetensors"):
        _ = space.query_text
