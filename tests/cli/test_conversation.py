"""`mm chat` over scripted answers: what is sent, what is printed, and the slash commands."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import cast

import pytest

from mm.cli.conversation import HELP, run_conversation
from mm.client import Client
from mm.errors import Unavailable
from mm.schemas import Answer, Citation, CitedSentence, Item, ItemPage, Round, SearchState, SentenceEvent
from tests.client.documents import item

Say = Callable[..., "FakeClient"]


class FakeClient:
    """Answers every question with its text; records the requests."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, int, list[str]]] = []

    def ask(
        self,
        question: str,
        *,
        conversation: Sequence[Round],
        items: Sequence[str],
        on_sentence: Callable[[SentenceEvent], None] | None,
    ) -> Answer:
        self.requests.append((question, len(conversation), list(items)))
        if question == "fail":
            raise Unavailable("The index is still being read.")
        if question == "interrupt":
            raise KeyboardInterrupt
        citation = Citation(
            n=1,
            item_id="i" * 32,
            segment_id="s",
            name="talk.mp4",
            media="/m",
            start=65.0,
            end=70.0,
            kind="video",
            evidence="speech",
        )
        text = f"Yes, {question} [1]."
        if on_sentence is not None:
            on_sentence(SentenceEvent(text=text, citations=[1], cited=[citation]))
        return Answer(
            text=text, sentences=[CitedSentence(text=text, citations=[1])], citations=[citation], refused=False,
            model="extractive", state=SearchState(text=question), hits=[], notes=["Text is not read yet."],
        )  # fmt: skip

    def items(self, *, name: str | None, limit: int, offset: int) -> ItemPage:
        if name == "IMG":
            return ItemPage(items=[Item.model_validate(item(name=f"IMG_{i}.jpg")) for i in range(min(limit, 130))], total=130)
        return ItemPage(items=[] if name == "nothing" else [Item.model_validate(item(name="talk.mp4"))])


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Say:
    def run(*lines: str, as_json: bool = False) -> FakeClient:
        client = FakeClient()
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        run_conversation(cast("Client", client), [], as_json=as_json)
        return client

    return run


def test_run_conversation_sends_the_rounds_before_and_prints_citations(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    client = say("a dog", "", "and then?", "/clear", "a cat")

    assert client.requests == [("a dog", 0, []), ("and then?", 1, []), ("a cat", 0, [])]
    output = capsys.readouterr()
    assert output.out.startswith("Yes, a dog [1].\n  [1] talk.mp4 1:05-1:10\n")
    assert "without a language model" in output.err


def test_run_conversation_prints_each_note_once(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    say("a dog", "a cat")

    assert capsys.readouterr().err.count("note: Text is not read yet.") == 1


def test_run_conversation_sends_at_most_15_rounds(say: Say) -> None:
    assert [num_rounds for _, num_rounds, _ in say(*["again"] * 18).requests] == [*range(16), 15, 15]


def test_run_conversation_only_restricts_the_items(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    client = say("/only talk", "a dog", "/only nothing", "a dog", "/only", "a dog", "/media")

    assert [items for _, _, items in client.requests] == [["i" * 32], ["i" * 32], []]
    assert "Only talk.mp4." in capsys.readouterr().out


def test_run_conversation_only_of_many_items_states_how_many_are_searched(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    client = say("/media IMG", "/only IMG", "a dog")

    assert [len(items) for _, _, items in client.requests] == [100]
    output = capsys.readouterr()
    assert "110 more; add words of their names." in output.err
    assert "130 items have that name; only the first 100 are searched." in output.err
    assert "IMG_19.jpg and 80 more." in output.out


def test_run_conversation_interrupt_cancels_the_question_only(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    assert [question for question, _, _ in say("interrupt", "a dog").requests] == ["interrupt", "a dog"]
    assert "cancelled" in capsys.readouterr().err


def test_run_conversation_continues_after_an_error_and_ends_at_quit(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    client = say("fail", "/unknown", "/help", "a dog", "/quit", "a cat")

    assert [question for question, _, _ in client.requests] == ["fail", "a dog"]
    output = capsys.readouterr()
    assert "error: The index is still being read." in output.err
    assert "There is no command /unknown" in output.err
    assert HELP in output.out


def test_run_conversation_as_json_prints_one_answer_a_line(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    say("a dog", "a cat", as_json=True)

    answers = [Answer.model_validate_json(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer.state.text for answer in answers] == ["a dog", "a cat"]


def test_run_conversation_interrupted_without_a_terminal_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    class InterruptedInput(io.StringIO):
        def readline(self, size: int | None = -1) -> str:  # type: ignore[override]
            raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", InterruptedInput())
    with pytest.raises(KeyboardInterrupt):
        run_conversation(cast("Client", FakeClient()), [])
