"""The questions, asked, and the answers held against the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mm.cli.demo.material import Asked, Material
from mm.cli.demo.truth import FilmTruth, Moment, Question, agrees
from mm.client import Client
from mm.schemas import Filters, Hit, SearchResponse

TOP = 3
"""A truth among so many first hits is found."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A hit, the medium it is on, and whether it is true."""

    hit: Hit
    medium: str
    true: bool


@dataclass(frozen=True, slots=True)
class Result:
    """A question with its first likely hits."""

    question: Question
    files: Asked
    moments: tuple[Moment, ...]  # that are true
    hits: list[Answered]
    answer: SearchResponse

    @property
    def right(self) -> bool:
        """The truth is among the hits; or nothing matched, where nothing should."""
        return any(hit.true for hit in self.hits) if self.moments else not self.hits

    def truth(self) -> str:
        """Where the truth is, in words."""
        return ", ".join(f"{moment.medium} {moment.when()}".strip() for moment in self.moments)


def ask_all(
    client: Client, questions: Sequence[Question], library: Mapping[str, str], material: Material, film: FilmTruth
) -> list[Result]:
    """Ask one after the other. `library` has the medium of each item id."""
    pairs = zip(questions, material.asked, strict=True)
    return [_ask(client, question, files, library, question.moments(film)) for question, files in pairs]


def _ask(client: Client, question: Question, files: Asked, library: Mapping[str, str], moments: tuple[Moment, ...]) -> Result:
    answer = client.search(
        question.text,
        picture=files.picture,
        sound=files.sound,
        clip=files.clip,
        k=TOP,
        filters=Filters(kinds=list(question.kinds)),
    )
    media = [(hit, library[hit.item.id]) for hit in answer.hits if hit.band == "likely"]
    return Result(
        question, files, moments, [Answered(hit, medium, agrees(hit, medium, moments)) for hit, medium in media], answer
    )
