from __future__ import annotations

import pytest

from mm.answers.check import REASON_REFUSED, REASON_UNSUPPORTED, AnswerWriter, find_quoted, is_supported
from mm.answers.evidence import REFUSAL, Statement
from mm.answers.prompt import build_prompt
from tests.answers.moments import make_moment

MOMENTS = [
    make_moment("m1", picture="A brown dog runs through grass", speech="come here"),
    make_moment("m2", start=10, end=20, picture="Two men ride horses"),
]


def make_writer() -> AnswerWriter:
    return AnswerWriter(build_prompt(MOMENTS, "what?", count_tokens=len, max_tokens=10_000))


def write(text: str, step: int = 3) -> tuple[AnswerWriter, list[Statement]]:
    writer = make_writer()
    passed = [statement for start in range(0, len(text), step) for statement in writer.feed(text[start : start + step])]
    return writer, passed + writer.finish()


def test_answer_writer_passes_supported_sentences_in_order_whatever_the_pieces() -> None:
    text = 'A brown dog runs [1]. Someone says: "come here" [1]. 2 moments show that [1][2].'
    for step in (1, 3, 7, 1000):
        writer, passed = write(text, step)
        assert passed == writer.statements
        assert [statement.cites for statement in passed] == [("m1",), ("m1",), ("m1", "m2")]
        assert writer.reason is None
        assert writer.notes == ()


def test_answer_writer_removes_citations_of_moments_that_were_not_given() -> None:
    writer, passed = write("A brown dog runs [1][9]. A dog sleeps on a sofa at 03:00 [7].")

    assert passed == [Statement("A brown dog runs.", ("m1",))]
    assert writer.num_removed == 1
    assert writer.notes[0].startswith("1 of the model's sentences was removed")


def test_answer_writer_cites_the_moment_that_supports_a_sentence_without_citations() -> None:
    assert write("Two men ride horses.")[1] == [Statement("Two men ride horses.", ("m2",))]


@pytest.mark.parametrize(
    ("text", "cites"),
    [
        ("Two men ride horses [1].", ("m2",)),
        ("Two men ride horses [9].", ("m2",)),
        ('Someone says: "come here to me" [2].', ()),
        ("Two men ride [1].", ("m2",)),
        ("Men [1].", ()),
        ("Two men ride horses [1][2].", ("m1", "m2")),
    ],
)
def test_answer_writer_cites_the_moment_whose_text_a_sentence_repeats(text: str, cites: tuple[str, ...]) -> None:
    passed = write(text)[1]

    assert [statement.cites for statement in passed] == ([cites] if cites else [])


def test_find_quoted_of_a_text_of_two_moments_is_none() -> None:
    same = [make_moment("m1", picture="A dog runs."), make_moment("m2", picture="A dog runs")]

    assert find_quoted("A dog runs.", same[:1]) == same[0]
    assert find_quoted("A dog runs.", same) is None
    assert find_quoted("The dog sleeps here.", same[:1]) is None


def test_answer_writer_removes_sentences_with_words_that_the_moments_lack() -> None:
    writer, passed = write("A brown dog chases a yellow ball [1].")

    assert passed == []
    assert writer.reason == REASON_UNSUPPORTED


def test_answer_writer_removes_sentences_that_cite_no_relevant_moment() -> None:
    writer = AnswerWriter(make_writer().prompt, frozenset(("m2",)))
    writer.feed("A brown dog runs [1]. Two men ride horses [2]. ")
    writer.finish()

    assert [statement.cites for statement in writer.statements] == [("m2",)]


def test_answer_writer_of_a_refusal_has_the_reason_of_the_model() -> None:
    writer, passed = write(REFUSAL)

    assert passed == []
    assert writer.reason == REASON_REFUSED


def test_is_supported_ignores_the_form_of_a_sentence_and_checks_its_number() -> None:
    texts = ["a.mp4 00:00 A brown dog runs"]
    assert is_supported("a.mp4 shows that: A brown dog runs.", texts, 1)
    assert is_supported("One moment shows that.", texts, 1)
    assert not is_supported("3 moments show that.", texts, 1)
    assert not is_supported("b.mp4 shows that: A brown dog runs.", texts, 1)
