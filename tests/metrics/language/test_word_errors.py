"""Word and character errors, beside the table of Levenshtein cell by cell."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.metrics.language.word_errors import count_edits, split_characters, split_words

sequences = st.lists(st.sampled_from("abcd"), max_size=12)


def count_plainly(reference: Sequence[str], heard: Sequence[str]) -> int:
    """The definition, one cell of the table at a time."""
    table = [list(range(len(heard) + 1)) for _ in range(len(reference) + 1)]
    for row in range(1, len(reference) + 1):
        table[row][0] = row
        for column in range(1, len(heard) + 1):
            substituted = table[row - 1][column - 1] + (reference[row - 1] != heard[column - 1])
            table[row][column] = min(table[row - 1][column] + 1, table[row][column - 1] + 1, substituted)
    return table[-1][-1]


@given(sequences, sequences)
def test_count_edits_equals_the_table(reference: list[str], heard: list[str]) -> None:
    assert count_edits(reference, heard) == count_plainly(reference, heard) == count_edits(heard, reference)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's the “Best” of times -- don't you think?", ["its", "the", "best", "of", "times", "dont", "you", "think"]),
        ("Una  rana-toro.", ["una", "ranatoro"]),
        ("एक मेंढक|", ["एक", "मेंढक"]),
        ("Straße ﬁn", ["strasse", "fin"]),
        ("...", []),
    ],
)
def test_split_words_removes_case_and_punctuation(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_split_characters_has_no_spaces() -> None:
    assert split_characters("青蛙 。 A b") == ["青", "蛙", "a", "b"]
