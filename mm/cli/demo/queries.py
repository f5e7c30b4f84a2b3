"""Run the queries, and compare their results with the ground truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mm.cli.demo.fixtures import Fixtures, QueryFiles
from mm.cli.demo.ground_truth import DemoQuery, Target, VideoGroundTruth, is_match
from mm.client import Client
from mm.schemas import Hit, SearchResponse

TOP = 3
"""Number of hits among which a correct one must be."""


@dataclass(frozen=True, slots=True)
class JudgedHit:
    """A hit, the media file that it is in, and whether it is correct."""

    hit: Hit
    medium: str
    is_correct: bool


@dataclass(frozen=True, slots=True)
class Result:
    """A query with its first likely hits."""

    query: DemoQuery
    files: QueryFiles
    targets: tuple[Target, ...]
    hits: list[JudgedHit]
    response: SearchResponse

    @property
    def is_correct(self) -> bool:
        """Whether a hit matches a target; without targets, whether there is no hit."""
        return any(hit.is_correct for hit in self.hits) if self.targets else not self.hits

    def describe_targets(self) -> str:
        return ", ".join(f"{target.medium} {target.format_time()}".strip() for target in self.targets)


def run_queries(
    client: Client, queries: Sequence[DemoQuery], item_names: Mapping[str, str], fixtures: Fixtures, video: VideoGroundTruth
) -> list[Result]:
    """Run all queries. `item_names` has the data set name of each item id."""
    pairs = zip(queries, fixtures.query_files, strict=True)
    return [_run_query(client, query, files, item_names, query.targets(video)) for query, files in pairs]


def _run_query(
    client: Client, query: DemoQuery, files: QueryFiles, item_names: Mapping[str, str], targets: tuple[Target, ...]
) -> Result:
    response = client.search(
        query.text,
        picture=files.picture,
        sound=files.sound,
        clip=files.clip,
        k=TOP,
        filters=query.filters(),
    )
    likely = [(hit, item_names[hit.item.id]) for hit in response.hits if hit.score >= response.likely_floor]
    judged = [JudgedHit(hit, medium, is_match(hit, medium, targets)) for hit, medium in likely]
    return Result(query, files, targets, judged, response)
