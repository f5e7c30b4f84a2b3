"""The vocabularies of the splits share no wording, name, topic, sentence or sign."""

from __future__ import annotations

import re
from itertools import combinations

import pytest

from mm.data.language.evidence.evidence_set import MAKERS
from mm.data.language.image_questions import TEMPLATES
from mm.data.language.search_scripts import OPERATIONS
from mm.data.language.wording import FOLLOW_UPS, SPLITS, Vocabulary, get_commands, get_vocabulary
from mm.errors import InvalidInput


def normalize(text: str) -> str:
    """A wording without case, marks and slots' names."""
    return " ".join(re.sub(r"[^\w{} ]", " ", text.lower()).split())


def all_wordings(vocabulary: Vocabulary) -> set[str]:
    texts = [text for group in (vocabulary.questions, vocabulary.commands) for wordings in group.values() for text in wordings]
    return {normalize(text) for text in texts if normalize(text) not in ("{phrase}",)}


@pytest.mark.parametrize(("left", "right"), list(combinations(SPLITS, 2)))
def test_vocabularies_of_two_splits_are_disjoint(left: str, right: str) -> None:
    a, b = get_vocabulary(left), get_vocabulary(right)
    assert not all_wordings(a) & all_wordings(b)
    for field in ("names", "topics", "speech", "writing"):
        assert not {normalize(text) for text in getattr(a, field)} & {normalize(text) for text in getattr(b, field)}
    assert not {text for text, _ in a.small_talk} & {text for text, _ in b.small_talk}
    images = [{normalize(text) for texts in TEMPLATES[split].values() for text in texts} for split in (left, right)]
    assert not images[0] & images[1]


@pytest.mark.parametrize("split", SPLITS)
def test_vocabulary_has_several_wordings_of_every_kind(split: str) -> None:
    vocabulary = get_vocabulary(split)
    assert vocabulary.questions.keys() == get_vocabulary("train").questions.keys() >= MAKERS.keys()
    assert vocabulary.commands.keys() == OPERATIONS.keys()
    for wordings in [*vocabulary.questions.values(), *vocabulary.commands.values()]:
        assert len(set(wordings)) == len(wordings) >= 3


@pytest.mark.parametrize("split", SPLITS)
def test_vocabulary_wordings_of_a_kind_name_the_same_items_and_times(split: str) -> None:
    for wordings in get_vocabulary(split).questions.values():
        slots = [frozenset(re.findall(r"{(\w+)}", text)) - {"clause", "phrase"} for text in wordings]
        assert len(set(slots)) == 1


def test_get_vocabulary_of_an_unknown_split_raises_invalid_input() -> None:
    with pytest.raises(InvalidInput, match="train, dev, test"):
        get_vocabulary("val")


@pytest.mark.parametrize("name", FOLLOW_UPS)
def test_get_commands_of_a_set_of_follow_ups_has_many_wordings_of_every_operation(name: str) -> None:
    slots = {operation: set(re.findall(r"{(\w+)}", text[0])) for operation, text in get_commands("train").items()}
    assert get_commands(name).keys() == OPERATIONS.keys()
    for operation, wordings in get_commands(name).items():
        assert len(set(wordings)) == len(wordings) >= 15
        assert all(set(re.findall(r"{(\w+)}", text)) - {"article"} == slots[operation] - {"article"} for text in wordings)


def test_get_commands_of_a_split_are_those_of_its_vocabulary() -> None:
    assert get_commands("dev") == get_vocabulary("dev").commands
    with pytest.raises(InvalidInput, match="train, dev, test"):
        get_commands("val")
