"""Messages about the whole library, a whole item, and its first or last part."""

from __future__ import annotations

import pytest

from mm.answers.ask import Asker, PastRound, Prepared
from mm.answers.conversation.commands import parse_command
from mm.answers.evidence import EvidenceMoment, Statement
from mm.answers.overview import HELP, describe_library, parse_inventory, parse_part
from mm.answers.prompt import estimate_tokens
from mm.answers.questions import Media
from mm.answers.search_state import SearchState
from mm.evaluation.language.answers import ExampleLibrary
from tests.answers.moments import make_moment

TALK = (
    make_moment("t1", "talk.mp4", 0, 10, picture="A man stands.", speech="good morning"),
    make_moment("t2", "talk.mp4", 10, 70, scene=2, picture=""),
    make_moment("t3", "talk.mp4", 70, 120, scene=3, picture="A dog runs."),
)
PHOTO = make_moment("p1", "park.png", 0, 0, picture="A dog sits.")
ALL = tuple(
    EvidenceMoment(moment.id, moment.item, moment.start, moment.end, moment.scene, moment.evidence, moment.item)
    for moment in (*TALK, PHOTO)
)


def ask(message: str, *rounds: PastRound) -> Prepared:
    return Asker(ExampleLibrary(ALL), estimate_tokens).prepare(message, rounds)


def list_texts(prepared: Prepared) -> list[str]:
    return [statement.text for statement in prepared.statements]


@pytest.mark.parametrize(
    ("message", "media"),
    [
        ("how many videos are there", "video"),
        ("What photos do I have?", "image"),
        ("list all audio files", "audio"),
        ("how many files do we have in total?", None),
        ("What's in the library?", None),
        ("how many recordings are in the library", None),
    ],
)
def test_parse_inventory_of_a_message_about_the_library_returns_the_kind(message: str, media: Media | None) -> None:
    assert parse_inventory(message) == (media,)


@pytest.mark.parametrize(
    "message",
    ["how many videos show a dog", "how many dogs are there", "what is in the park", "show me videos", "photos of a dog"],
)
def test_parse_inventory_of_a_message_about_content_returns_none(message: str) -> None:
    assert parse_inventory(message) is None


def test_describe_library_names_the_items_of_one_kind_and_counts_all() -> None:
    library = ExampleLibrary(ALL)

    assert describe_library("video", library) == (Statement("There is 1 video: talk.mp4."),)
    assert describe_library("audio", library) == (Statement("There are no audio files."),)
    assert describe_library(None, library) == (Statement("There is 1 video and 1 image."),)


def test_prepare_of_an_inventory_leaves_the_search_unchanged() -> None:
    state = SearchState(text="a dog", listed=("t3",), selected="t3")

    prepared = ask("how many photos are there?", PastRound("a dog", "A dog runs [1].", state))

    assert list_texts(prepared) == ["There is 1 image: park.png."]
    assert prepared.state == SearchState(text="a dog", selected="t3")


@pytest.mark.parametrize(
    ("message", "texts"),
    [
        ("what happens in talk.mp4?", ["A man stands.", "A dog runs."]),
        ("what is said in talk.mp4", ['Someone says: "good morning".']),
        ("what's in park.png?", ["A dog sits."]),
        ("what happens in the last minute of talk.mp4", ["A dog runs."]),
        ("what is said in the first 5 seconds of talk.mp4?", ['Someone says: "good morning".']),
    ],
)
def test_prepare_of_a_question_about_an_item_describes_its_moments(message: str, texts: list[str]) -> None:
    assert list_texts(ask(message)) == texts


def test_prepare_of_what_is_said_in_an_item_without_speech_states_that_nothing_is() -> None:
    prepared = ask("what is said in park.png?")

    assert prepared.statements == ()
    assert prepared.reason == "Nothing is said there: park.png has no speech."


def test_prepare_of_what_is_said_in_an_item_is_not_about_the_selected_moment() -> None:
    state = SearchState(text="a dog", listed=("p1",), selected="p1")

    prepared = ask("what is said in talk.mp4", PastRound("a dog", "A dog sits [1].", state))

    assert list_texts(prepared) == ['Someone says: "good morning".']


def test_prepare_of_the_last_minute_is_of_the_item_of_the_selected_moment() -> None:
    state = SearchState(text="a man", listed=("t1",), selected="t1")

    assert list_texts(ask("in the last minute", PastRound("a man", "A man stands [1].", state))) == ["A dog runs."]


def test_prepare_of_a_thing_in_the_last_minute_searches_that_part() -> None:
    prepared = ask("is there a dog in the last minute of talk.mp4?")

    assert prepared.state.text == "a dog"
    assert prepared.state.after == 60.0
    assert list_texts(prepared) == ["A dog runs."]


def test_prepare_of_a_file_that_does_not_exist_states_it() -> None:
    assert ask("is there a dog in zebra.mp4?").reason == "No item is named zebra.mp4."


def test_prepare_of_what_about_photos_searches_the_same_in_images() -> None:
    state = SearchState(text="a dog", listed=("t3", "p1"))

    prepared = ask("what about photos?", PastRound("a dog", "A dog runs [1]. A dog sits [2].", state))

    assert list_texts(prepared) == ["A dog sits."]
    assert prepared.state.text == "a dog"


def test_prepare_of_a_selection_describes_the_evidence_that_was_found() -> None:
    state = SearchState(text="a man", listed=("t1", "t3"))

    prepared = ask("the first one", PastRound("a man", "A man stands [1]. A dog runs [2].", state))

    assert list_texts(prepared) == ["A man stands."]


def test_prepare_of_help_returns_examples() -> None:
    assert list_texts(ask("What can you do?")) == [HELP]


@pytest.mark.parametrize("message", ["the last one", "the last moment", "a dog at last", "the second one"])
def test_parse_part_of_a_message_without_a_unit_of_time_returns_none(message: str) -> None:
    assert parse_part(message) is None


@pytest.mark.parametrize(("message", "operation"), [("who is in the car?", "question"), ("who is also wearing a hat", "also")])
def test_parse_command_of_who_is_somewhere_is_a_question(message: str, operation: str) -> None:
    assert parse_command(message, (), has_query=True).operation == operation
