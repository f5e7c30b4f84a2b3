"""`mm bench photos`: ingest of photos."""

from __future__ import annotations

import logging

import click


@click.command()
@click.option("--photos", default=2000, show_default=True, metavar="N", help="Number of photos.")
@click.option("--seed", default=0, show_default=True, metavar="N", help="Seed of the photos.")
@click.option("--service", is_flag=True, help="Upload them to a service, and time each until it can be searched.")
@click.option(
    "--film",
    "video_seconds",
    default=0.0,
    show_default=True,
    metavar="S",
    help="With --service: upload a video of S seconds first.",
)
@click.option("--clips", default=0, show_default=True, metavar="N", help="With --service: upload N clips of 2 s first.")
@click.option("--captions", is_flag=True, help="With --service: first without captions, then until all captions are written.")
def command(photos: int, seed: int, service: bool, video_seconds: float, clips: int, captions: bool) -> None:
    """Time the ingest of 12-megapixel JPEGs, compared with decoding them at full size."""
    import structlog

    from mm.bench.ingest.batch_service import measure
    from mm.bench.ingest.photos import run

    if service:
        without = measure(photos, seed, video_seconds=video_seconds, clips=clips)
        click.echo("\n".join(without.lines()))
        if captions:
            report = measure(photos, seed, video_seconds=video_seconds, clips=clips, captions=True)
            click.echo("\n".join(["", "with captions:", *report.lines(), "", *report.compare_lines(without)]))
        return
    if video_seconds or clips or captions:
        raise click.UsageError("`--film`, `--clips` and `--captions` need --service.")

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))  # not one log line per photo
    click.echo("\n".join(run(photos, seed).lines()))
