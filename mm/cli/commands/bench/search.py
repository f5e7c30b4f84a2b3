"""`mm bench search`: latency of text queries."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options
from mm.cli.commands.bench.common import print_report


@click.command()
@click.option("--questions", "num_queries", default=200, show_default=True, metavar="N", help="Number of queries.")
@click.option("-k", "--k", default=5, show_default=True, metavar="N", help="Most hits of a search.")
@click.option("--floor", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Lowest score of a hit.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Search only items with this tag.")
@click.option("--clients", default=1, show_default=True, metavar="N", help="Number of concurrent clients.")
@click.option(
    "--segments",
    multiple=True,
    type=click.IntRange(1),
    metavar="N",
    help="Compare an index of N synthetic segments with plain FAISS instead; repeatable.",
)
@click.option("--cache", type=options.NEW_FOLDER, metavar="FOLDER", help="Folder that keeps what --segments builds.")
@options.service
def command(
    num_queries: int,
    k: int,
    floor: float,
    tags: tuple[str, ...],
    clients: int,
    segments: tuple[int, ...],
    cache: Path | None,
    url: str | None,
    as_json: bool,
) -> None:
    """Time text queries on the running service, or the index compared with plain FAISS."""
    from mm.bench.search.latency import compare_with_faiss, run
    from mm.embedded.connect import connect
    from mm.schemas import Filters

    if segments:
        raise SystemExit(compare_with_faiss(segments, num_queries, cache))
    with connect(url) as client:
        report = run(client, num_queries, k, floor, Filters(tags=list(tags)), clients)
    print_report(report, as_json)
