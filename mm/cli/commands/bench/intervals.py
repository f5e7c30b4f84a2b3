"""`mm bench intervals`: duration of bootstrap intervals."""

from __future__ import annotations

import dataclasses
import json

import click

from mm.cli import options

SIZES = ((31_014, 1), (31_014, 5), (155_070, 5))
"""Captions in all, and of one image. Flickr30K with its splits has 31,014 images of 5 captions."""


@click.command()
@options.as_json
def command(as_json: bool) -> None:
    """Time intervals of five measures by weighted groups, compared with repeated rows."""
    from mm.bench.evaluation.resampling import measure_resampling
    from mm.cli.render import print_rows

    timings = [measure_resampling(num_rows, per_group) for num_rows, per_group in SIZES]
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(timing) for timing in timings]))
        return
    rows = [
        (
            f"{timing.num_rows:,}", f"{timing.num_groups:,}", f"{timing.num_samples:,}", f"{timing.seconds:.2f}",
            f"{timing.plain_seconds:.2f}", f"{timing.plain_seconds / timing.seconds:.1f}", f"{timing.largest_difference:.1e}",
        )
        for timing in timings
    ]  # fmt: skip
    print_rows(("captions", "images", "samples", "weighted, s", "repeated, s", "factor", "largest difference"), rows)
