"""Object words that no reference has."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.errors import InvalidInput
from mm.metrics.language import default_object_words, tokenize
from mm.metrics.language.objects import count_objects, parse_object_words

WORDS = default_object_words()


@pytest.mark.parametrize(
    ("text", "objects"),
    [
        ("A man and two puppies", ["person", "dog"]),
        ("A hot dog beside a dog", ["hot dog", "dog"]),
        ("Boxes on benches under leaves", ["box", "bench", "leaf"]),
        ("Children throw tennis balls at a bus", ["person", "tennis ball", "bus"]),
        ("The quick brown idea", []),
        ("", []),
    ],
)
def test_find_returns_objects_of_longest_phrases(text: str, objects: list[str]) -> None:
    assert WORDS.find(tokenize(text)) == objects


@given(st.sampled_from(sorted(WORDS.object_of)))
def test_find_of_each_listed_phrase_returns_its_object(phrase: tuple[str, ...]) -> None:
    assert WORDS.find(phrase) == [WORDS.object_of[phrase]]
    assert tokenize(" ".join(phrase)) == phrase


@pytest.mark.parametrize(
    ("candidate", "references", "mentioned", "unsupported"),
    [
        ("a woman with a dog", ["a lady and her puppy"], 2, 0),
        ("a dog with a ball and a ball", ["a dog runs"], 3, 2),
        ("an animal in water", ["a dog in the ocean"], 2, 0),
        ("a dog in the ocean", ["an animal in water"], 2, 2),
        ("a cat", ["a dog", "a cat sleeps"], 1, 0),
        ("", ["a dog"], 0, 0),
    ],
    ids=["synonyms", "repeated", "general", "special", "any reference", "empty"],
)
def test_count_objects_counts_mentions_without_support(
    candidate: str, references: list[str], mentioned: int, unsupported: int
) -> None:
    counts = count_objects([tokenize(candidate)], [[tokenize(text) for text in references]])
    assert (counts.mentioned_C.tolist(), counts.unsupported_C.tolist()) == ([mentioned], [unsupported])


def test_unsupported_share_is_of_mentions_and_zero_without_any() -> None:
    candidates = [tokenize(text) for text in ("a dog", "a cat and a dog and a horse", "nothing")]
    counts = count_objects(candidates, [[tokenize("a dog")]] * 3)
    assert counts.unsupported_share() == pytest.approx(2 / 4)
    assert counts.unsupported_share(np.array([0, 0, 1])) == pytest.approx(2 / 5)
    assert counts.unsupported_share(np.array([2])) == 0


def test_parse_object_words_reads_other_lists() -> None:
    words = parse_object_words("# comment\n\nanimal\t\t\nlynx\tbobcat,wild cat\tanimal\n")
    assert words.find(tokenize("wild cats and bobcats")) == ["lynx", "lynx"]
    assert words.supported_by([("lynx",)]) == {"lynx", "animal"}
    assert parse_object_words("").find(("dog",)) == []


@pytest.mark.parametrize("text", ["dog", "dog\tpuppy", "dog\tpuppy\t\t", "dog\tpup\t\nseal\tpup\t"])
def test_parse_object_words_of_invalid_line_names_it(text: str) -> None:
    with pytest.raises(InvalidInput, match=f"Line {len(text.splitlines())} "):
        parse_object_words(text)


def test_default_object_words_name_general_objects_of_the_list() -> None:
    names = set(WORDS.object_of.values())
    assert {general for kinds in WORDS.general.values() for general in kinds} <= names
