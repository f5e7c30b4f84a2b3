"""`mm bench`: what prints the numbers of the docs."""

from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.bench.towers.tower import TowerReport
    from mm.bench.towers.tower_gpu import GpuReport


@click.group()
def command() -> None:
    """Print the numbers of the docs, measured on this machine."""


@command.command()
@click.option("--video", type=options.FILE, required=True, help="A video that is not in the library yet.")
@click.option("--timeline", type=options.FILE, required=True, help="Its scenes: start, end, captions, text; JSON.")
@options.service
def moments(video: Path, timeline: Path, url: str | None, as_json: bool) -> None:
    """Take in a long video, and see whether search finds its scenes."""
    from mm.bench.search.moments import read_timeline, run
    from mm.embedded.connect import connect

    scenes = read_timeline(timeline)
    with connect(url) as client:
        report = run(client, video, scenes)
    click.echo(json.dumps(dataclasses.asdict(report)) if as_json else "\n".join(report.lines()))


@command.command()
@click.option("--questions", default=200, show_default=True, metavar="N", help="How many to ask.")
@click.option("-k", "--k", default=5, show_default=True, metavar="N", help="Most moments of an answer.")
@click.option("--floor", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Least score of a moment.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Look only at items with this tag.")
@click.option("--clients", default=1, show_default=True, metavar="N", help="How many ask at the same time.")
@click.option(
    "--segments",
    multiple=True,
    type=click.IntRange(1),
    metavar="N",
    help="Measure an index of N made-up segments beside plain FAISS instead; may be given more than once.",
)
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER", help="Keep what --segments builds.")
@options.service
def search(
    questions: int,
    k: int,
    floor: float,
    tags: tuple[str, ...],
    clients: int,
    segments: tuple[int, ...],
    cache: Path | None,
    url: str | None,
    as_json: bool,
) -> None:
    """Time questions in words against the library that is served, or search itself beside plain
    FAISS."""
    from mm.bench.search.latency import compare, run
    from mm.embedded.connect import connect
    from mm.schemas import Filters

    if segments:
        raise SystemExit(compare(segments, questions, cache))
    with connect(url) as client:
        report = run(client, questions, k, floor, Filters(tags=list(tags)), clients)
    click.echo(json.dumps(dataclasses.asdict(report)) if as_json else "\n".join(report.lines()))


@command.command()
@click.argument("folder", type=options.FOLDER)
def folder(folder: Path) -> None:
    """Read each file of a folder as an upload would be read, and say which are refused, and why."""
    from mm.bench.decoding.folder import main

    raise SystemExit(main(folder))


@command.command()
@click.option("--files", default=5000, show_default=True, metavar="N", help="How many damaged files to read.")
@click.option("--seed", default=0, show_default=True, metavar="N", help="What the damage is drawn from.")
def hostile(files: int, seed: int) -> None:
    """Read damaged files and handmade bombs, and count what comes back."""
    from mm.bench.decoding import hostile_sizes
    from mm.bench.decoding.hostile import read_hostile_files
    from mm.media.types import Limits

    for line in hostile_sizes.run(Limits()):
        click.echo(line)
    report = read_hostile_files(files, seed)
    click.echo("\n".join(report.lines()))
    raise SystemExit(0 if report.is_harmless else 1)


@command.command()
@click.option("--seconds", type=click.FloatRange(1), default=60.0, show_default=True, help="Of each attack, and before each.")
@click.option("--connections", type=click.IntRange(1), default=200, show_default=True, metavar="N", help="Of each attack.")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind of attack; may be given more than once.")
def flood(seconds: float, connections: int, kinds: tuple[str, ...]) -> None:
    """Attack an API of its own with many connections of one key, and time an honest client beside
    them."""
    from mm.bench.flood.report import KINDS
    from mm.bench.flood.service import measure

    if unknown := set(kinds) - set(KINDS):
        raise click.BadParameter(f"{unknown.pop()!r} is none of: {', '.join(KINDS)}.", param_hint="--kind")
    report = measure([kind for kind in KINDS if not kinds or kind in kinds], connections, seconds)
    click.echo("\n".join(report.lines()))
    raise SystemExit(0 if report.passed else 1)


@command.command()
@click.option("--photos", default=2000, show_default=True, metavar="N", help="How many to take in.")
@click.option("--seed", default=0, show_default=True, metavar="N", help="What the photos are drawn from.")
@click.option("--service", is_flag=True, help="Send them to a service of its own, and time each until it can be searched.")
@click.option("--film", default=0.0, show_default=True, metavar="S", help="With --service: send a film of S seconds before them.")
@click.option("--clips", default=0, show_default=True, metavar="N", help="With --service: send N clips of 2 s before them.")
def photos(photos: int, seed: int, service: bool, film: float, clips: int) -> None:
    """Take in JPEGs of 12 megapixels, beside decoding them at full size and nothing else."""
    import structlog

    from mm.bench.ingest.batch_service import measure
    from mm.bench.ingest.photos import run

    if service:
        click.echo("\n".join(measure(photos, seed, film=film, clips=clips).lines()))
        return
    if film or clips:
        raise click.UsageError("--film and --clips are sent to a service: add --service.")

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))  # a line a photo is no table
    click.echo("\n".join(run(photos, seed).lines()))


@command.command()
@click.argument("films", nargs=-1, type=options.FILE)
@click.option("--rounds", default=7, show_default=True, metavar="N", help="How often each way is timed, in turns.")
def sandbox(films: tuple[Path, ...], rounds: int) -> None:
    """Time good files, or films of its own, behind all layers of the sandbox, behind its limits
    alone, and without a child."""
    from mm.bench.decoding.sandbox import run

    for line in run(films, rounds):
        click.echo(line)


@command.command()
@click.option("--minutes", type=click.FloatRange(0.05), default=30.0, show_default=True, help="Length of the film.")
@click.option("--size", type=options.SIZE, default="1280x720", show_default=True, help="Its width and height.")
@click.option("--speech/--no-speech", default=True, show_default=True, help="Whether it is taken in with speech too.")
@click.option("--repeats", type=click.IntRange(min=1), default=3, show_default=True, metavar="N", help="Rounds, in turns.")
@click.option("--video", type=options.FILE, help="A film of yours instead of one that is made.")
@click.option("--memory", is_flag=True, help="Take in 5 and 120 minutes instead, and print the most memory that each takes.")
@options.as_json
def ingest(
    minutes: float, size: tuple[int, int], speech: bool, repeats: int, video: Path | None, memory: bool, as_json: bool
) -> None:
    """Time how a film is taken in, beside decoding alone and the naive way. A service of its own,
    on an empty folder."""
    from mm.bench.ingest.service import measure

    report = measure(minutes, size, speech=speech, repeats=repeats, video=video, memory=memory)
    click.echo(json.dumps(dataclasses.asdict(report)) if as_json else "\n".join(report.lines()))


@command.command()
@click.option("--points", default=300, show_default=True, metavar="N", help="How often something is killed.")
@click.option("--seed", default=0, show_default=True, metavar="N", help="What victims and moments are drawn from.")
@click.option("--catalog", type=click.Choice(["sqlite", "postgresql"]), default="sqlite", show_default=True)
@click.option("--first", default=0, show_default=True, metavar="N", help="The point to begin with.")
@click.option("--chunks", default=4, show_default=True, metavar="N", help="Chunks of each film.")
@click.option("--hold", default=30.0, show_default=True, metavar="S", help="Seconds that the catalog is held, at the end.")
@click.option(
    "--library-faults", "faults", default=0, metavar="N", help="Instead: N times each fault of catalog and files; needs root."
)
def crash(
    points: int, seed: int, catalog: Literal["sqlite", "postgresql"], first: int, chunks: int, hold: float, faults: int
) -> None:
    """Kill parts of a service of its own at seeded moments, and check every promise after each."""
    if faults:
        from mm.bench.crash.library_faults import library_faults

        found = library_faults(faults, seed, first, click.echo)
        click.echo("\n".join(found.lines()))
        raise SystemExit(0 if found.passed else 1)
    from mm.bench.crash.service import crash

    report = crash(points, seed, catalog, first, chunks, hold, click.echo)
    click.echo("\n".join(report.lines()))
    raise SystemExit(0 if report.passed else 1)


@command.command()
@click.option("--seconds", type=click.FloatRange(1), default=60.0, show_default=True, metavar="S", help="How long to measure.")
@click.option("--items", type=click.IntRange(0), default=10, show_default=True, metavar="N", help="Pictures to add afterwards.")
@click.option("--catalog", type=click.Choice(["sqlite", "postgresql"]), default="sqlite", show_default=True)
@options.as_json
def idle(seconds: float, items: int, catalog: Literal["sqlite", "postgresql"], as_json: bool) -> None:
    """Measure a service that nobody uses, each process by itself, and how soon an item is found
    that is added to it."""
    from mm.bench.idle.service import measure

    report = measure(seconds, items, catalog)
    click.echo(json.dumps(dataclasses.asdict(report)) if as_json else "\n".join(report.lines()))


@command.command()
@click.option("--runtime", "names", multiple=True, metavar="NAME", help="Only this one; default all that run here.")
@click.option("--batch", default="1,8,32", show_default=True, metavar="N,N", help="Pictures at once; on a GPU 1 to 512 by twos.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, help="What computes.")
@click.option("--threads", default=0, metavar="N", help="Of the CPU; 0, the default, is all cores.")
@options.as_json
@click.pass_context
def tower(ctx: click.Context, names: tuple[str, ...], batch: str, device: str, threads: int, as_json: bool) -> None:
    """Time the image tower: every runtime beside eager torch; on a GPU beside the roofline."""
    from mm.settings import load_settings
    from mm.spaces.registry import image_weights_path

    settings = load_settings()
    weights = image_weights_path(settings.space)
    given = ctx.get_parameter_source("batch") is not click.core.ParameterSource.DEFAULT
    sizes = _numbers(batch if given or device == "cpu" else ",".join(str(2**power) for power in range(10)))
    if device == "cuda":
        from mm.models.image.tower import read_size
        from mm.runtimes.gpu import require_gpu

        require_gpu()
        from mm.bench.towers.tower_gpu import run as run_gpu

        report: TowerReport | GpuReport = run_gpu(weights, read_size(weights), sizes)
    else:
        from mm.bench.towers.tower import run

        report = run(weights, settings.root / "cache" / "graphs", names, sizes, threads)
    click.echo(json.dumps(dataclasses.asdict(report)) if as_json else "\n".join(report.lines()))


@command.command()
@click.option("--minutes", type=click.FloatRange(0, min_open=True), default=30.0, show_default=True, help="Of the video.")
@click.option("--fps", type=click.FloatRange(0, min_open=True), default=2.0, show_default=True, help="Frames a second.")
@options.as_json
def temporal(minutes: float, fps: float, as_json: bool) -> None:
    """One pass of the temporal network over a whole video: time and memory."""
    from mm.bench.towers.temporal import measure
    from mm.spaces.registry import WEIGHTS

    report = measure(WEIGHTS / "lite" / "temporal.safetensors", minutes, fps)
    click.echo(json.dumps(dataclasses.asdict(report)) if as_json else "\n".join(report.lines()))


def _numbers(text: str) -> list[int]:
    """Raises `BadParameter` unless it is whole numbers from 1 on, with commas."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise click.BadParameter(f"{text!r} is not a list of whole numbers from 1 on.", param_hint="--batch")
    return [int(part) for part in parts]
