"""Typing variations keep the content of a text."""

from __future__ import annotations

import random
import re

from hypothesis import given
from hypothesis import strategies as st

from mm.data.language.typing_styles import (
    LOWER,
    MIN_TYPO_LENGTH,
    NO_MARK,
    SHORT_FORMS,
    SHOUTED,
    STYLES,
    TYPOS,
    draw_styles,
    type_text,
)

WORDS = st.lists(
    st.sampled_from(
        ["When", "what", "is", "the", "brown", "running", "elephant", "please", "you", "in", "Paris", "videos", "12", "02:10"]
    ),
    min_size=1,
    max_size=9,
)
TEXTS = st.builds(lambda words, mark: " ".join(words) + mark, WORDS, st.sampled_from(["?", ".", ""]))
SEEDS = st.integers(0, 2**32)


def edit_distance(left: str, right: str) -> int:
    """Damerau-Levenshtein distance with transpositions of neighbours, by its recurrence."""
    rows = {(i, 0): i for i in range(len(left) + 1)} | {(0, j): j for j in range(len(right) + 1)}
    for i in range(1, len(left) + 1):
        for j in range(1, len(right) + 1):
            cost = left[i - 1] != right[j - 1]
            rows[i, j] = min(rows[i - 1, j] + 1, rows[i, j - 1] + 1, rows[i - 1, j - 1] + cost)
            if i > 1 and j > 1 and left[i - 1] == right[j - 2] and left[i - 2] == right[j - 1]:
                rows[i, j] = min(rows[i, j], rows[i - 2, j - 2] + 1)
    return rows[len(left), len(right)]


@given(text=TEXTS, styles=st.sets(st.sampled_from((LOWER, NO_MARK, SHOUTED))), seed=SEEDS)
def test_type_text_without_typos_keeps_all_letters(text: str, styles: set[str], seed: int) -> None:
    typed = type_text(text, sorted(styles), random.Random(seed))
    assert typed.lower().rstrip("?.! ") == text.lower().rstrip("?.! ")
    assert NO_MARK not in styles or not typed.endswith(("?", "."))
    assert LOWER not in styles or typed == typed.lower()


@given(text=TEXTS, seed=SEEDS)
def test_type_text_with_typos_changes_a_letter_of_at_most_two_long_words(text: str, seed: int) -> None:
    words, typed = text.split(), type_text(text, [TYPOS], random.Random(seed)).split()
    assert len(words) == len(typed)
    changed = [(before, after) for before, after in zip(words, typed, strict=True) if before != after]
    assert len(changed) <= 2
    for before, after in changed:
        assert edit_distance(before, after) == 1
        assert len(before.rstrip("?.")) >= MIN_TYPO_LENGTH
        assert before[0] == after[0]
    has_long = any(re.fullmatch(rf"[a-z]{{{MIN_TYPO_LENGTH},}}[?.]?", word) for word in words)
    assert bool(changed) <= has_long


@given(text=TEXTS, styles=st.sets(st.sampled_from(STYLES)), seed=SEEDS)
def test_type_text_keeps_names_and_numbers_and_is_deterministic(text: str, styles: set[str], seed: int) -> None:
    name = "please elephant video.mp4"
    whole = f"{name} {text}"
    whole = whole.capitalize() if seed % 2 else whole
    typed = type_text(whole, sorted(styles), random.Random(seed), [name])
    assert typed == type_text(whole, sorted(styles), random.Random(seed), [name])
    assert name in typed.lower()
    assert re.findall(r"\d+", typed) == re.findall(r"\d+", whole)


def test_type_text_with_short_forms_replaces_known_words() -> None:
    assert type_text("Can you find a video, please?", [SHORT_FORMS], random.Random(0)) == "Can u find a vid, pls?"


def test_draw_styles_gives_each_style_and_plain_text() -> None:
    drawn = [draw_styles(random.Random(seed)) for seed in range(300)]
    assert {style for styles in drawn for style in styles} == set(STYLES)
    assert 0.3 < sum(not styles for styles in drawn) / 300 < 0.6
