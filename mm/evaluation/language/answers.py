"""Answers over the hard evidence set: right moment cited, correct refusal, unsupported statements.

Each question comes with the moments that a search would have retrieved. Groups of the bootstrap are
examples: no two share their moments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mm.answers.answer_text import format_answer
from mm.answers.ask import Asker, PastRound, Prepared
from mm.answers.check import is_supported, list_texts
from mm.answers.conversation.references import find_anchor
from mm.answers.evidence import REFUSAL, EvidenceMoment, Turn, find_neighbour, sort_by_time
from mm.answers.evidence import Statement as CitedStatement
from mm.answers.generate import build_request, make_writer
from mm.answers.library import Retrieved
from mm.answers.prompt import estimate_tokens
from mm.answers.questions import Media, parse_question
from mm.answers.search_state import SearchState
from mm.data.language.evidence.examples import EvidenceExample
from mm.generation.chat.types import ChatModel
from mm.metrics.language.answers import Case, Evidence, Moment, Statement, answer_report
from mm.metrics.report import Report

Answerer = Callable[[Prepared], Sequence[CitedStatement]]
"""Completes a prepared answer; no statement is a refusal."""


@dataclass(frozen=True, slots=True)
class ExampleLibrary:
    """The moments of an example as a library: a search retrieves all that its limits allow."""

    moments: tuple[EvidenceMoment, ...]

    def search(self, state: SearchState, limit: int, media: Media | None = None) -> Retrieved:
        moments = [moment for moment in self.moments if not state.items or moment.item in state.items]
        if media is not None:
            moments = [moment for moment in moments if media == ("video" if moment.end else "image")]
        inside = [
            moment
            for moment in moments
            if (state.before is None or moment.end <= state.before) and (state.after is None or moment.start >= state.after)
        ]
        return Retrieved(tuple(inside), frozenset())

    def find_items(self, text: str) -> Sequence[tuple[str, str]]:
        names = sorted({moment.item for moment in self.moments})
        return [(name, name) for name in names if name.lower() in text.lower()]

    def list_between(self, item: str, start: float, end: float) -> Sequence[EvidenceMoment]:
        return [moment for moment in self._of_item(item) if moment.start <= end and moment.end >= start]

    def find_neighbour(self, moment: EvidenceMoment, step: int) -> EvidenceMoment | None:
        return find_neighbour(self.moments, moment, step)

    def get_duration(self, item: str) -> float | None:
        return max((float(moment.end) for moment in self._of_item(item)), default=0.0) or None

    def list_items(self, media: Media, limit: int) -> tuple[int, Sequence[str]]:
        names = sorted({moment.item for moment in self.moments if media == ("video" if moment.end else "image")})
        return len(names), names[:limit]

    def list_scene(self, item: str, number: int) -> Sequence[EvidenceMoment]:
        return [moment for moment in self._of_item(item) if moment.scene == number]

    def get_moments(self, ids: Sequence[str]) -> Sequence[EvidenceMoment]:
        by_id = {moment.id: moment for moment in self.moments}
        return [by_id[moment_id] for moment_id in ids if moment_id in by_id]

    def _of_item(self, item: str) -> list[EvidenceMoment]:
        return [moment for moment in sort_by_time(self.moments) if moment.item == item]


def answer_without_model(prepared: Prepared) -> Sequence[CitedStatement]:
    """The answer by code or by quotations."""
    return prepared.statements


def answer_example(example: EvidenceExample, answer: Answerer) -> Case:
    """Answer the question of an example after its conversation."""
    moments = tuple(replace(moment, source=moment.item) for moment in example.moments)
    asker = Asker(ExampleLibrary(moments), estimate_tokens)
    prepared = asker.prepare(example.question, make_rounds(example.conversation))
    statements = answer(prepared)
    place_of = {moment.id: Moment(moment.item, moment.start, moment.end) for moment in moments}
    return Case(
        tuple(Evidence(place_of[moment.id], " ".join(list_texts([moment]))) for moment in moments),
        tuple(place_of[moment_id] for moment_id in example.truth.right),
        tuple(Statement(entry.text, tuple(place_of[cite] for cite in entry.cites)) for entry in statements),
        not statements,
    )


def make_rounds(turns: Sequence[Turn]) -> list[PastRound]:
    """The rounds of a conversation with right answers, each with the state after it."""
    rounds: list[PastRound] = []
    for turn in turns:
        states = [past.state for past in rounds]
        state = states[-1] if states else SearchState()
        listed = tuple(dict.fromkeys(cite for statement in turn.answer for cite in statement.cites))
        question = parse_question(turn.question)
        is_refusal = turn.answer[0].text == REFUSAL
        if listed or is_refusal:
            anchor = find_anchor(question, turn.question, states)
            is_kept = is_refusal and anchor is not None and question.kind in ("said", "read")
            selected = anchor if is_kept else listed[0] if len(listed) == 1 else None
            text = state.text if anchor is not None else question.text or turn.question
            state = replace(state, text=text, listed=listed, selected=selected)
        answer = format_answer(turn.answer, {cite: number for number, cite in enumerate(listed, 1)})
        rounds.append(PastRound(turn.question, answer, state))
    return rounds


def evaluate(examples: Sequence[EvidenceExample], answer: Answerer, of: str) -> Report:
    """Report the measures of one way to answer over examples."""
    return answer_report(of, [answer_example(example, answer) for example in examples], support=is_supported)


def answer_with(model: ChatModel, max_tokens: int = 128) -> Answerer:
    """Let a model write what code does not decide, and check its sentences."""

    def answer(prepared: Prepared) -> Sequence[CitedStatement]:
        if prepared.prompt is None:
            return prepared.statements
        writer = make_writer(model, prepared, prepared.prompt)
        for delta in model.stream(build_request(model, prepared.prompt, max_tokens)):
            writer.feed(delta.text)
        writer.finish()
        return writer.statements

    return answer


def answer_rest_with(write: Answerer) -> Answerer:
    """Let a model answer only what code and quotations refuse."""
    return lambda prepared: prepared.statements or write(prepared)
