"""Answers by code over moments that a search would return."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from mm.answers.ask import Asker, PastRound, Prepared
from mm.answers.evidence import EvidenceMoment
from mm.answers.library import Retrieved
from mm.answers.prompt import estimate_tokens
from mm.answers.questions import Media
from mm.answers.search_state import SearchState
from mm.evaluation.language.answers import ExampleLibrary
from tests.answers.moments import make_moment

RIDE = make_moment("ride", "ride.mp4", picture="")
CUP = make_moment("cup", "coffee.png", end=0, picture="", name="coffee")


@dataclass(frozen=True, slots=True)
class CertainLibrary(ExampleLibrary):
    """All moments that a search returns are likely."""

    def search(self, state: SearchState, limit: int, media: Media | None = None) -> Retrieved:
        found = ExampleLibrary.search(self, state, limit, media)
        return Retrieved(found.moments, frozenset(moment.id for moment in found.moments))


def ask(message: str, *moments: EvidenceMoment, rounds: tuple[PastRound, ...] = ()) -> Prepared:
    return Asker(CertainLibrary(moments), estimate_tokens).prepare(message, rounds)


def list_texts(prepared: Prepared) -> list[str]:
    return [statement.text for statement in prepared.statements]


@pytest.mark.parametrize(
    "message", ["What colour is the motorcycle?", "How many men are there?", "Why is he there?", "What is the man's name?"]
)
def test_prepare_of_an_attribute_that_no_evidence_states_refuses(message: str) -> None:
    prepared = ask(message, RIDE)

    assert prepared.statements == ()
    assert prepared.reason is not None
    assert prepared.reason.startswith("No text of a retrieved moment states the ")
    assert not prepared.relevant, "the built-in model may cite none"


def test_prepare_of_an_attribute_quotes_only_evidence_that_states_it() -> None:
    stated = make_moment("stated", "b.mp4", picture="A red motorcycle.", speech="hello")

    prepared = ask("What colour is the motorcycle?", RIDE, stated)

    assert list_texts(prepared) == ["A red motorcycle."]
    assert prepared.relevant == {"stated"}


@pytest.mark.parametrize(
    "message", ["When is the motorcycle seen?", "Where is the motorcycle?", "Which file shows the motorcycle?"]
)
def test_prepare_of_when_where_and_which_names_what_the_item_shows(message: str) -> None:
    assert list_texts(ask(message, RIDE)) == ["ride.mp4 shows a motorcycle."]


def test_prepare_of_a_question_about_content_never_answers_with_a_file_name() -> None:
    assert ask("What colour is the coffee cup?", CUP).statements == ()
    assert list_texts(ask("Where is the coffee cup?", CUP)) == ["coffee.png shows a coffee cup."]
    by_name = make_moment("named", "coffee.mp4", name="coffee")
    assert ask("Where is the coffee?", by_name).statements == ()
    assert list_texts(ask("coffee", by_name)) == ["The file is named coffee."]


def test_prepare_of_an_attribute_of_the_selected_moment_uses_its_evidence() -> None:
    state = SearchState(text="a motorcycle", listed=("ride",), selected="ride")
    rounds = (PastRound("a motorcycle", "ride.mp4 shows a motorcycle [1].", state),)

    refused = ask("What colour is it?", RIDE, rounds=rounds)

    assert refused.statements == ()
    assert refused.state.selected == "ride"
    red = make_moment("ride", "ride.mp4", picture="A red motorcycle")
    assert list_texts(ask("What colour is it?", red, rounds=rounds)) == ["A red motorcycle."]


def test_prepare_of_what_is_said_in_a_moment_without_speech_states_that_nothing_is() -> None:
    rounds = (PastRound("a motorcycle", "", SearchState(text="a motorcycle", listed=("ride",), selected="ride")),)

    assert ask("What is said there?", RIDE, rounds=rounds).reason == (
        "Nothing is said there: this part of ride.mp4 has no speech."
    )
    assert ask("What is written there?", RIDE, rounds=rounds).reason == (
        "Nothing is written there: this part of ride.mp4 has no text."
    )


@pytest.mark.parametrize("message", ["the seventeenth one", "the 17th one", "number 17", "What is said in the seventeenth one?"])
def test_prepare_of_a_position_outside_of_the_list_states_its_length(message: str) -> None:
    rounds = (PastRound("a motorcycle", "", SearchState(text="a motorcycle", listed=("ride", "cup"))),)

    prepared = ask(message, RIDE, CUP, rounds=rounds)

    assert prepared.statements == ()
    assert prepared.reason == "The last list has 2 moments."
    assert prepared.is_command


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("how many videos show a cat", "One video shows that: a.mp4."),
        ("how many photos show a cat", "2 images show that: b.png and c.png."),
        ("how many files show a cat", "3 files show that: a.mp4 and b.png and c.png."),
    ],
)
def test_prepare_of_a_count_counts_items_of_the_kind_that_is_named(message: str, text: str) -> None:
    video = make_moment("m1", "a.mp4", picture="A cat")
    photos = [make_moment(name, f"{name}.png", end=0, picture="A cat") for name in ("b", "c")]

    assert list_texts(ask(message, video, *photos)) == [text]
