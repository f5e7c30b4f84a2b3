"""Words of many languages: wordnets and names of emoji."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mm.data.lexicons import read_emoji_names, read_wordnets
from mm.errors import InvalidInput

RANKS = {"dog": 1, "bat": 2, "club": 3, "animal": 4}


@pytest.fixture
def wordnets(tmp_path: Path) -> Path:
    """Three meanings in English, Finnish and German."""
    lines = {
        "wikt/wn-wikt-eng.tab": [
            "# Wiktionary\teng",
            "1-n\teng:lemma\tbat",
            "2-n\teng:lemma\tbat",
            "2-n\teng:lemma\tclub",
            "3-n\teng:lemma\tdog",
            "3-n\teng:lemma\thound",
        ],
        "wikt/wn-wikt-fin.tab": [
            "1-n\tfin:lemma\tlepakko",
            "2-n\tfin:lemma\tmaila",
            "3-n\tfin:lemma\tkoira",
            "9-n\tfin:lemma\tx",
        ],
        "deu/wn-data-deu.tab": ["3-n\tdeu:lemma\tHund", "3-n\tdeu:def\t0\tein Tier", "3-n\tdeu:lemma\tDog"],
    }
    for name, content in lines.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(content), encoding="utf-8")
    return tmp_path


def test_read_wordnets_pairs_lemmas_with_the_least_ambiguous_frequent_english_lemma(wordnets: Path) -> None:
    entries = read_wordnets(wordnets, RANKS, limit=10)
    assert entries == [("deu", "Hund", "dog"), ("fin", "koira", "dog"), ("fin", "lepakko", "bat"), ("fin", "maila", "club")]


def test_read_wordnets_with_a_limit_keeps_the_most_frequent_of_each_language(wordnets: Path) -> None:
    assert read_wordnets(wordnets, RANKS, limit=1) == [("deu", "Hund", "dog"), ("fin", "koira", "dog")]


def test_read_wordnets_without_english_raises_invalid_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"wn-wikt-eng\.tab"):
        read_wordnets(tmp_path, RANKS, limit=1)


def test_read_emoji_names_pairs_spoken_names_by_emoji(tmp_path: Path) -> None:
    names = {"en": {"🐕": "dog", "🐈": "cat"}, "en-GB": {"🐕": "hound"}, "fi": {"🐕": "koira", "🐟": "kala"}, "und": {}}
    for locale, of_locale in names.items():
        (tmp_path / locale).mkdir()
        annotations = {"annotations": {emoji: {"tts": [name]} for emoji, name in of_locale.items()}} if of_locale else {}
        (tmp_path / locale / "annotations.json").write_text(json.dumps({"annotations": annotations}), encoding="utf-8")
    assert read_emoji_names(tmp_path) == [("fi", "koira", "dog")]


def test_read_emoji_names_of_another_form_raises_invalid_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"annotations\.json"):
        read_emoji_names(tmp_path)
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "annotations.json").write_text("[]")
    with pytest.raises(InvalidInput, match="annotations of the CLDR"):
        read_emoji_names(tmp_path)


def test_read_wordnets_gives_the_same_for_another_order_of_files_and_of_hashes(wordnets: Path, tmp_path: Path) -> None:
    """Sets of strings have another order in each process, folders another on each file system."""
    copy = tmp_path / "copy"
    for path in sorted(wordnets.rglob("*.tab"), reverse=True):
        (copy / path.relative_to(wordnets)).parent.mkdir(parents=True, exist_ok=True)
        (copy / path.relative_to(wordnets)).write_bytes(path.read_bytes())
    program = f"""
import sys
from pathlib import Path
from mm.data.lexicons import read_wordnets
print(read_wordnets(Path(sys.argv[1]), {RANKS}, 10))
"""
    printed = [
        subprocess.run(
            [sys.executable, "-c", program, str(folder)],
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for folder, seed in ((wordnets / "wikt", "1"), (copy / "wikt", "2"))
    ]
    assert printed[0] == printed[1] != "[]\n"
