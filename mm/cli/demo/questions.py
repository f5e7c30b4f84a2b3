"""Ask the demo's library questions, and compare the cited moments with the ground truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from mm.cli.answers import print_answer
from mm.cli.demo.ground_truth import FindTargets, Target, VideoGroundTruth, overlaps, shown_in, spoken_in
from mm.schemas import Answer

if TYPE_CHECKING:
    from mm.client import Client


@dataclass(frozen=True, slots=True)
class DemoQuestion:
    """A question; without ground truth it must be refused."""

    text: str
    targets: FindTargets | tuple[()]


QUESTIONS = (
    DemoQuestion("When does a man in a suit sit in a car?", shown_in("driver")),
    DemoQuestion("How many files show a red motorcycle?", shown_in("motorcycle")),
    DemoQuestion("What is said about the winter of despair?", spoken_in("dickens", 17.3, 20.8)),
    DemoQuestion("When is the quarterly tax return due?", ()),
)


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """An answer, and whether each moment that it cites is a right one."""

    question: str
    answer: Answer
    is_correct: bool


def ask_questions(
    client: Client, questions: Sequence[DemoQuestion], item_names: Mapping[str, str], video: VideoGroundTruth
) -> list[JudgedAnswer]:
    """Ask all questions. `item_names` has the data set name of each item id."""
    judged = []
    for question in questions:
        targets = question.targets(video) if question.targets else ()
        answer = client.ask(question.text)
        judged.append(JudgedAnswer(question.text, answer, _is_correct(answer, targets, item_names)))
    return judged


def print_answers(answers: Sequence[JudgedAnswer], item_names: Mapping[str, str]) -> None:
    """Print each question with its answer and the cited moments.

    Answers name files as they were uploaded; the last line has their names in the data set.
    """
    cited: dict[str, str] = {}
    for judged in answers:
        click.echo(f"{'✓' if judged.is_correct else '✗'} {judged.question}")
        print_answer(judged.answer)
        click.echo()
        cited |= {citation.name: item_names[citation.item_id] for citation in judged.answer.citations}
    if cited:
        pairs = ", ".join(f"{name} is {cited[name]}" for name in sorted(cited))
        click.echo(f"Files are uploaded under names that do not describe them: {pairs}.")


def _is_correct(answer: Answer, targets: Sequence[Target], item_names: Mapping[str, str]) -> bool:
    if not targets:
        return answer.refused
    return bool(answer.citations) and all(
        any(target.medium == item_names[cited.item_id] and overlaps(cited.start, cited.end, target) for target in targets)
        for cited in answer.citations
    )
