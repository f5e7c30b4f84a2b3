from __future__ import annotations

import pytest

from mm.answers.describe import describe
from tests.answers.moments import make_moment


def test_describe_without_query_prefers_speech_to_an_image_without_caption() -> None:
    moment = make_moment("m1", picture="", speech="It was the best of times", name="a")

    assert describe(moment).text == 'Someone says: "It was the best of times".'


def test_describe_without_query_and_text_states_that_there_is_none() -> None:
    moment = make_moment("m1", picture="", name="a")

    assert describe(moment).text == "This part of a.mp4 has no speech, text or caption."


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("a cat", "a.mp4 shows a cat."),
        ("the motorcycle", "a.mp4 shows a motorcycle."),
        ("dogs", "a.mp4 shows dogs."),
        ("umbrella", "a.mp4 shows an umbrella."),
        ("the snow on the roof", "a.mp4 shows the snow on the roof."),
        ("people are on the boat", "a.mp4 shows it."),
        ("windy", "a.mp4 shows it."),
    ],
)
def test_describe_with_query_in_no_text_states_that_the_item_shows_it(query: str, text: str) -> None:
    moment = make_moment("m1", picture="", speech="It was the best of times")

    assert describe(moment, query).text == text


@pytest.mark.parametrize(("speech", "quotation"), [("We met.", "We met"), ("In short,", "In short"), ("Who met?", "Who met?")])
def test_describe_of_speech_omits_the_final_period(speech: str, quotation: str) -> None:
    assert describe(make_moment("m1", speech=speech)).text == f'Someone says: "{quotation}".'
