"""The grammar of exclusions: a table of texts, and properties of random ones."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.wording.exclusions import MAX_EXCLUDED, MAX_WORDS, ParsedText, parse_exclusions

PARSED = [
    ("dog not in water", "dog", ["water"]),
    ("street without people", "street", ["people"]),
    ("no cars", "", ["cars"]),
    ("street -car", "street", ["car"]),
    ("-car", "", ["car"]),
    ('dog -"red ball" -grass', "dog", ["red ball", "grass"]),
    ("beach, not sunset", "beach", ["sunset"]),
    ("Beach, No People", "Beach", ["People"]),
    ("beach no people", "beach", ["people"]),
    ("mountain, no snow, at sunset", "mountain, at sunset", ["snow"]),
    ("animals except cats", "animals", ["cats"]),
    ("animals other than dogs", "animals", ["dogs"]),
    ("kitchen excluding people", "kitchen", ["people"]),
    ("everything but cats", "", ["cats"]),
    ("everything except cars and bikes", "", ["cars", "bikes"]),
    ("photos without people", "", ["people"]),
    ("show me all pictures without any text", "", ["text"]),
    ("a beach with no people", "a beach", ["people"]),
    ("a beach with no people on it", "a beach", ["people"]),
    ("street with neither cars nor people", "street", ["cars", "people"]),
    ("dog without a collar on the beach", "dog on the beach", ["collar"]),
    ("woman without hat in red dress", "woman in red dress", ["hat"]),
    ("A boy without a shirt on is jumping .", "A boy is jumping.", ["shirt"]),
    ("street without people, cars or dogs", "street", ["people", "cars", "dogs"]),
    ("dogs, without collar, on grass", "dogs, on grass", ["collar"]),
    ("a room without black and white photos", "a room", ["black and white photos"]),
    ("a man who is not wearing a hat", "a man", ["wearing a hat"]),
    ("people that aren’t smiling", "people", ["smiling"]),
    ("show me dogs that are not in the water", "show me dogs", ["water"]),
    ("I want to see streets without cars", "I want to see streets", ["cars"]),
    ("a boy but not on a bike", "a boy", ["bike"]),
    ("dog not wearing a collar in the snow", "dog in the snow", ["wearing a collar"]),
    ("birds not flying over water", "birds", ["flying over water"]),
    ("car w/o roof", "car", ["roof"]),
    ("Hund nicht im Wasser", "Hund", ["Wasser"]),
    ("Strand ohne Menschen", "Strand", ["Menschen"]),
    ("Straße, keine Autos", "Straße", ["Autos"]),
    ("une rue sans voitures", "une rue", ["voitures"]),
    ("playa sin gente", "playa", ["gente"]),
]
UNCHANGED = [
    "not only dogs", "no parking sign", "no parking", "no smoking", "nothing", "knot", "a knot in a rope", "notice board",
    "I do not know", "he left without his coat", "the budget is not in the report", "she is not in the office",
    "we have no time", "doctors without borders", "with or without you", "rebel without a cause", "t-shirt", "mother-in-law",
    "forget-me-not", "-5 degrees", "dog - cat", '"no cars"', "“beach, not sunset”", "sign that says no dogs", "no dogs allowed",
    "last but not least", "none other than the king", "why not", "no one", "no idea", "no. 5", "not yet", "exceptional dog",
    "sin city", "comic sans", "a dog without", "without it", "what he said, not that",
]  # fmt: skip
CUES = re.compile(
    r"\b(?:not?|n't|with|without|w|o|except\w*|exclud\w*|other|apart|aside|but|ohne|keine?\w?|nicht|au(?:ß|ss)er|sans|pas)\b"
)
NOUNS = st.sampled_from(["dog", "street", "beach", "ball", "car", "tree", "people", "snow", "bikes", "red shirt", "sunset"])


@pytest.mark.parametrize(("text", "wanted", "without"), PARSED)
def test_parse_exclusions_separates_what_is_wanted_from_what_is_excluded(text: str, wanted: str, without: list[str]) -> None:
    assert parse_exclusions(text) == ParsedText(wanted, tuple(without))


@pytest.mark.parametrize("text", UNCHANGED)
def test_parse_exclusions_leaves_fixed_phrases_and_sentences(text: str) -> None:
    assert parse_exclusions(text) == ParsedText(text)


def test_parse_exclusions_of_long_texts_and_lists_leaves_the_text() -> None:
    many = "street " + " ".join(f"-thing{'abcdefghijkl'[number]}" for number in range(MAX_EXCLUDED + 1))
    long = "a dog without a ball " * MAX_WORDS
    for text in (many, long):
        assert parse_exclusions(text) == ParsedText(text)


@given(st.text(max_size=200))
def test_parse_exclusions_of_any_text_returns_words_of_it(text: str) -> None:
    parsed = parse_exclusions(text)
    left = re.findall(r"\w+", text)
    for word in re.findall(r"\w+", parsed.text):
        assert word in left
        left = left[left.index(word) + 1 :]  # in their order
    for phrase in parsed.without:
        assert phrase.strip() == phrase != ""
        assert set(re.findall(r"\w+", phrase)) <= set(re.findall(r"\w+", text))
    assert len(parsed.without) <= MAX_EXCLUDED
    assert parsed.without or parsed.text == text


@given(st.text(st.characters(categories=["L", "Zs"]), max_size=80).filter(lambda text: not CUES.search(text.lower())))
def test_parse_exclusions_of_a_text_without_cue_leaves_it(text: str) -> None:
    parsed = parse_exclusions(text)
    assert parsed.without == () or {"sin", "no"} & set(text.lower().split())
    assert parsed.without or parsed.text == text


@given(
    st.lists(NOUNS, min_size=2, max_size=5, unique=True),
    st.sampled_from(["without", "with no", "not near", "except", "other than"]),
)
def test_parse_exclusions_of_wanted_and_unwanted_things_returns_both(things: list[str], cue: str) -> None:
    wanted, *unwanted = things
    *first, last = unwanted
    listed = f"{', '.join(first)} or {last}" if first else last
    assert parse_exclusions(f"{wanted} {cue} {listed}") == ParsedText(wanted, tuple(unwanted))


@given(st.lists(NOUNS, min_size=1, max_size=3), st.lists(st.sampled_from(["without", "no", "not", "except", "-car"]), max_size=3))
def test_parse_exclusions_of_a_quotation_leaves_it(nouns: list[str], cues: list[str]) -> None:
    text = f'"{" ".join([*nouns, *cues, *nouns])}"'
    assert parse_exclusions(text) == ParsedText(text)
