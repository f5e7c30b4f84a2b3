"""The questions, query_files, and the answers held against the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mm.cli.demo.fixtures import Fixtures, QueryFiles
from mm.cli.demo.ground_truth import DemoQuery, MediaSpan, VideoGroundTruth, matches
from mm.client import Client
from mm.schemas import Filters, Hit, SearchResponse

TOP = 3
"""A truth among so many first hits is found."""


@dataclass(frozen=True, slots=True)
class JudgedHit:
    """A hit, the medium it is on, and whether it is true."""

    hit: Hit
    medium: str
    true: bool


@dataclass(frozen=True, slots=True)
class Result:
    """A query with its first likely hits."""

    query: DemoQuery
    files: QueryFiles
    moments: tuple[MediaSpan, ...]  # that are true
    hits: list[JudgedHit]
    answer: SearchResponse

    @property
    def right(self) -> bool:
        """The truth is among the hits; or nothing matched, where nothing should."""
        return any(hit.true for hit in self.hits) if self.moments else not self.hits

    def truth(self) -> str:
        """Where the truth is, in words."""
        return ", ".join(f"{moment.medium} {moment.when()}".strip() for moment in self.moments)


def run_queries(
    client: Client, questions: Sequence[DemoQuery], library: Mapping[str, str], fixtures: Fixtures, video: VideoGroundTruth
) -> list[Result]:
    """Ask one after the other. `library` has the medium of each item id."""
    pairs = zip(questions, fixtures.query_files, strict=True)
    return [_run_query(client, query, files, library, query.moments(video)) for query, files in pairs]


def _run_query(
    client: Client, query: DemoQuery, files: QueryFiles, library: Mapping[str, str], moments: tuple[MediaSpan, ...]
) -> Result:
    answer = client.search(
        query.text,
        picture=files.picture,
        sound=files.sound,
        clip=files.clip,
        k=TOP,
        filters=Filters(kinds=list(query.kinds)),
    )
    media = [(hit, library[hit.item.id]) for hit in answer.hits if hit.band == "likely"]
    return Result(query, files, moments, [JudgedHit(hit, medium, matches(hit, medium, moments)) for hit, medium in media], answer)
