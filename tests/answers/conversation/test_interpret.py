"""Commands of a conversation: parsed by their words, and applied to the search state."""

from __future__ import annotations

import pytest

from mm.answers.conversation.apply import Span
from mm.answers.conversation.commands import parse_command
from mm.answers.conversation.interpret import Interpretation, interpret
from mm.answers.search_state import SearchState

STATE = SearchState(text="a man", listed=("m1", "m2", "m3"))
PLACES = {"m1": Span("a.mp4", 10, 20), "m2": Span("b.mp4", 30, 40)}


def follow(message: str, *rounds: tuple[str, SearchState], named: tuple[str, ...] = ()) -> Interpretation:
    earlier = rounds or (("a man", STATE),)
    return interpret(message, earlier, [(name, name) for name in named], PLACES.get, lambda state, moment: moment != "gone")


@pytest.mark.parametrize(
    ("message", "operation", "thing"),
    [
        ("without the dog", "without", "dog"),
        ("WITHUOT A DOG!", "without", "dog"),
        ("but not the ones with an umbrella please", "without", "umbrella"),
        ("also with a red hat", "also", "red hat"),
        ("and snow", "also", "snow"),
        ("go back", "back", ""),
        ("undo that", "back", ""),
        ("clear the search", "clear", ""),
        ("start over", "clear", ""),
        ("in all videos again", "all_items", ""),
        ("the second one", "select", ""),
        ("earlier", "earlier", ""),
        ("is there anything after that?", "later", ""),
        ("thank you very much", "talk", ""),
        ("when does a dog run without a collar?", "question", ""),
        ("what happens after that?", "question", ""),
        ("a dog and a cat", "question", ""),
        ("no idea what this is, show me some videos of my holiday by the sea", "question", ""),
    ],
)
def test_parse_command_with_a_query_before_it(message: str, operation: str, thing: str) -> None:
    command = parse_command(message, (), has_query=True)

    assert (command.operation, command.thing) == (operation, thing)


def test_parse_command_without_a_query_is_a_question_or_talk() -> None:
    assert parse_command("without the dog", (), has_query=False).operation == "question"
    assert parse_command("hello", (), has_query=False).operation == "talk"


def test_interpret_select_uses_the_last_list_with_several_moments() -> None:
    later = SearchState(text="a man", listed=("m9",), selected="m9")

    assert follow("open the second one", ("a man", STATE), ("and then?", later)).state == SearchState(
        text="a man", listed=("m9",), selected="m2"
    )
    assert follow("the seventh one").state is None


def test_interpret_earlier_limits_the_search_to_what_is_before_the_selected_moment() -> None:
    selected = SearchState(text="a man", without=("dog",), selected="m2")

    earlier = follow("earlier", ("a man", selected)).state
    assert earlier == SearchState(text="a man", without=("dog",), items=("b.mp4",), before=30)
    later = follow("anything later?", ("a man", selected)).state
    assert later == SearchState(text="a man", without=("dog",), items=("b.mp4",), after=40)
    assert follow("earlier").state is None, "nothing is selected"


def test_interpret_a_refinement_ends_the_selection_of_a_moment_that_it_excludes() -> None:
    state = SearchState(text="a man", selected="gone")

    refined = follow("only in Talk.mp4", ("a man", state), named=("talk.mp4",)).state

    assert refined == SearchState(text="a man", items=("talk.mp4",))


def test_interpret_back_undoes_the_last_change_and_then_the_one_before() -> None:
    first = SearchState(text="a man")
    second = SearchState(text="a man", without=("dog",))
    third = SearchState(text="a man", without=("dog", "hat"))
    rounds = [("a man", first), ("without a dog", second), ("thanks", second), ("no hat", third)]

    assert follow("back", *rounds).state == second
    assert follow("go back", *rounds, ("back", second)).state == first
    assert follow("go back", *rounds, ("back", second), ("back", first)).state is None


def test_interpret_a_question_begins_a_new_search() -> None:
    meaning = follow("When is a dog jumping?", ("a man", STATE))

    assert meaning.command.operation == "question"
    assert meaning.state == SearchState(text="a dog jumping")
