"""`mm bench eval`: speed of evaluations."""

from __future__ import annotations

import logging

import click

from mm.cli import options
from mm.cli.commands.bench.common import print_report

PARTS = ("encoding", "similarity", "hours", "resume")


@click.command("eval")
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="Only this part; repeatable. Default: all.")
@click.option("--photos", type=click.IntRange(0), default=48, show_default=True, help="encoding: photos a round.")
@click.option("--clips", type=click.IntRange(0), default=4, show_default=True, help="encoding: videos of 10 s a round.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="encoding: rounds of both methods.")
@click.option("--large", is_flag=True, help="similarity: 30,000 images and 150,000 captions, too; over a minute.")
@click.option(
    "--videos",
    multiple=True,
    type=click.IntRange(2),
    default=(8, 16, 32),
    show_default=True,
    help="hours: videos of a simulated set; three sizes or more.",
)
@click.option(
    "--minutes", type=click.FloatRange(0.05, 30.0), default=1.0, show_default=True, help="hours: duration of the longest video."
)
@click.option("--side", type=click.IntRange(32), default=224, show_default=True, help="hours: width and height in pixels.")
@click.option("--slices", type=click.IntRange(2), default=4, show_default=True, help="resume: slices of 64 photos.")
@click.option("--kills", type=click.IntRange(1), default=2, show_default=True, help="resume: processes that are killed.")
@options.as_json
def command(
    parts: tuple[str, ...], photos: int, clips: int, rounds: int, large: bool, videos: tuple[int, ...], minutes: float, side: int,
    slices: int, kills: int, as_json: bool,
) -> None:  # fmt: skip
    """Time evaluations: encoding beside ingest, similarity, hours of video, resumption.

    Videos of the part `hours` are simulated, and its number for 1,000 hours is extrapolated.
    """
    import structlog

    from mm.bench.evaluation.report import EvaluationSizes, measure_evaluation
    from mm.bench.temporary_home import temporary_home

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))  # not one log line per file
    sizes = EvaluationSizes(photos, clips, rounds, large, videos, minutes, side, slices, kills)
    with temporary_home() as settings:
        report = measure_evaluation(parts or PARTS, sizes, settings, lambda line: click.echo(line, err=True))
    print_report(report, as_json)
