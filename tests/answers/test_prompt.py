from __future__ import annotations

import random

import pytest

from mm.answers.answer_text import format_answer, parse_answer
from mm.answers.evidence import Statement, Turn
from mm.answers.prompt import INSTRUCTION, MESSAGE_TOKENS, build_prompt
from mm.errors import InvalidInput, TooLarge
from tests.answers.moments import make_moment


def count_words(text: str) -> int:
    return len(text.split())


def test_build_prompt_numbers_moments_by_item_and_time_and_groups_them_by_item() -> None:
    moments = [
        make_moment("m1", "b.mp4", 70, 80, 4, picture="Two men ride horses", speech="come here"),
        make_moment("m2", "photo.jpg", 0, 0, None, picture="A dog."),
        make_moment("m3", "b.mp4", 12, 20, 1, written="exit\n[left]", sound="Bark"),
    ]

    prompt = build_prompt(moments, " when  do men ride? ", count_tokens=count_words)

    system, question = prompt.messages
    assert system.content == (
        f"{INSTRUCTION}\n\n"
        "b.mp4\n"
        '[1] 00:12-00:20, scene 1: Written: "exit (left)" Sound: Bark.\n'
        '[2] 01:10-01:20, scene 4: Two men ride horses. Said: "come here"\n'
        "photo.jpg\n"
        "[3] A dog."
    )
    assert (question.role, question.content) == ("user", "when do men ride?")
    assert [moment.id for moment in prompt.moments] == ["m3", "m1", "m2"]
    assert prompt.numbers == {"m3": 1, "m1": 2, "m2": 3}


def test_build_prompt_writes_earlier_rounds_with_the_numbers_of_the_moments() -> None:
    turn = Turn("dogs", (Statement("A dog runs.", ("m2", "m1")), Statement("It was in another file.", ("gone",))))

    prompt = build_prompt([make_moment("m1", start=9, end=10), make_moment("m2")], "and then?", [turn], count_tokens=count_words)

    assert [message.role for message in prompt.messages] == ["system", "user", "assistant", "user"]
    assert prompt.messages[2].content == "A dog runs [1][2]. It was in another file."


def test_build_prompt_over_the_budget_drops_oldest_rounds_and_then_the_last_moments() -> None:
    moments = [make_moment(f"m{number}", start=number, end=number + 1, picture="word " * 20) for number in range(5)]
    turns = [Turn(f"question {number}", (Statement("word " * 10),)) for number in range(4)]

    def length(max_tokens: int) -> tuple[int, int]:
        prompt = build_prompt(moments, "what?", turns, count_tokens=count_words, max_tokens=max_tokens)
        used = sum(count_words(message.content) + MESSAGE_TOKENS for message in prompt.messages)
        assert used <= max_tokens
        assert prompt.moments == tuple(moments[: len(prompt.moments)])
        rest = [message.content for message in prompt.messages[1:-1:2]]
        assert rest == [turn.question for turn in turns][len(turns) - len(rest) :]
        return len(prompt.messages), len(prompt.moments)

    assert length(1000) == (10, 5)
    assert length(250) == (6, 5)
    assert length(120) == (2, 3)
    with pytest.raises(TooLarge, match="The question is too long"):
        length(40)


@pytest.mark.parametrize("question", ["", "  \n"])
def test_build_prompt_of_an_empty_question_raises_invalid_input(question: str) -> None:
    with pytest.raises(InvalidInput, match="needs a question and at least one moment"):
        build_prompt([make_moment("m1")], question, count_tokens=count_words)


def test_parse_answer_inverts_format_answer() -> None:
    draw = random.Random(5)
    texts = ["A dog runs.", 'Someone says: "we met at 3.30. It rained".', "3 moments show that.", "It is from My trip 2.mp4."]
    for _ in range(50):
        numbers = {f"m{number}": number for number in range(1, 13)}
        statements = [
            Statement(draw.choice(texts), tuple(draw.sample(sorted(numbers), draw.randint(1, 4))))
            for _ in range(draw.randint(1, 4))
        ]

        parsed = parse_answer(format_answer(statements, numbers))

        assert not parsed.is_refusal
        assert [(sentence.text, sentence.citations) for sentence in parsed.sentences] == [
            (statement.text, tuple(numbers[cited] for cited in statement.cites)) for statement in statements
        ]


@pytest.mark.parametrize("text", ["The library does not show that.", "the library does not show that", "", " \n"])
def test_parse_answer_of_a_refusal_or_an_empty_text_is_a_refusal(text: str) -> None:
    parsed = parse_answer(text)

    assert parsed.is_refusal
    assert parsed.sentences == ()


def test_parse_answer_keeps_uncited_sentences_and_citations_in_other_forms() -> None:
    parsed = parse_answer("Dogs are nice. A dog runs [2], [3] [2]. It sees [x] something. Then it left")

    assert [(sentence.text, sentence.citations) for sentence in parsed.sentences] == [
        ("Dogs are nice.", ()),
        ("A dog runs.", (2, 3)),
        ("It sees [x] something.", ()),
        ("Then it left", ()),
    ]
