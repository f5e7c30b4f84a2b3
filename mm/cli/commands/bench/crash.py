"""`mm bench crash`: guarantees after killed processes and lost data."""

from __future__ import annotations

from typing import Literal

import click

from mm.cli.commands.bench.common import catalog, exit_with


@click.command()
@click.option("--points", default=300, show_default=True, metavar="N", help="Number of kills.")
@click.option("--seed", default=0, show_default=True, metavar="N", help="Seed of the victims and times.")
@catalog
@click.option("--first", default=0, show_default=True, metavar="N", help="Number of the first kill.")
@click.option("--chunks", default=4, show_default=True, metavar="N", help="Chunks of each video.")
@click.option("--hold", default=30.0, show_default=True, metavar="S", help="Seconds for which the catalog is locked at the end.")
@click.option(
    "--library-faults",
    "faults",
    default=0,
    metavar="N",
    help="Instead: cause each fault of catalog and files N times; needs root.",
)
def command(
    points: int, seed: int, catalog: Literal["sqlite", "postgresql"], first: int, chunks: int, hold: float, faults: int
) -> None:
    """Kill processes of a service at seeded times, and check every guarantee after each."""
    if faults:
        from mm.bench.crash.library_faults import run_library_faults

        fault_report = run_library_faults(faults, seed, first, click.echo)
        exit_with(fault_report, passed=fault_report.passed)
    from mm.bench.crash.service import run_crash_bench

    report = run_crash_bench(points, seed, catalog, first, chunks, hold, click.echo)
    exit_with(report, passed=report.passed)
