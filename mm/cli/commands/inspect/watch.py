"""`mm inspect watch`: a line of parts in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mm.line.line import Line
    from mm.line.sinks.sink import Sink


@click.command()
@click.argument("source", metavar="SOURCE")
@click.option("--inspector", required=True, metavar="NAME", help="Inspector: its name in MM_HOME/inspectors, or its file.")
@click.option("--line", "name", default="line", show_default=True, help="Name of the line; its journal is in MM_HOME/lines.")
@click.option("--region", metavar="REGION", help="Region of interest in pixels: X,Y,WIDTH,HEIGHT or corners 'X,Y X,Y X,Y'.")
@click.option("--crop", type=click.Choice(["region", "part"]), default="region", help="What is inspected; default: region.")
@click.option("--background", type=options.FILE, help="Image of the empty region; default: the first frames.")
@click.option("--min-area", type=float, default=0.01, show_default=True, help="Smallest part, as a share of the region.")
@click.option("--fail-share", type=float, default=0.5, show_default=True, help="Share of frames that must fail for FAIL.")
@click.option("--deadline", type=float, help="Seconds to the verdict, else UNDECIDED; default: 1, for a video none.")
@click.option("--pattern", default="", help="Regular expression of file names with (?P<part>...), the id of the part.")
@click.option("--images-per-part", type=click.IntRange(0), default=0, help="Images of a part in a folder; 0 waits 2 s.")
@click.option("--once", is_flag=True, help="End after the images that are in the folder now.")
@click.option("--pace", is_flag=True, help="Replay a video in real time, as a camera.")
@click.option("--csv", "csv_path", type=click.Path(dir_okay=False, path_type=Path), help="Append verdicts to a CSV file.")
@click.option("--webhook", metavar="URL", help="Post verdicts to this address, signed.")
@click.option("--webhook-secret", type=options.FILE, help="File with the secret of the webhook: whsec_ and base64.")
@click.option("--mqtt", metavar="URL", help="Publish verdicts: mqtt://USER:PASSWORD@HOST:PORT/TOPIC, or mqtts://.")
@click.option("--opcua", nargs=2, metavar="URL NODE", help="Write verdicts below a node: opc.tcp://HOST:PORT 'ns=2;s=Line1'.")
@options.remote
@options.as_json
def command(
    source: str,
    inspector: str,
    name: str,
    region: str | None,
    crop: str,
    background: Path | None,
    min_area: float,
    fail_share: float,
    deadline: float | None,
    pattern: str,
    images_per_part: int,
    once: bool,
    pace: bool,
    csv_path: Path | None,
    webhook: str | None,
    webhook_secret: Path | None,
    mqtt: str | None,
    opcua: tuple[str, str] | None,
    url: str | None,
    as_json: bool,
) -> None:
    """Inspect the parts of SOURCE: a video file, a folder that is being filled, or rtsp://ADDRESS.

    Each part gets one verdict, PASS, FAIL or UNDECIDED; all but PASS are rejects. Prints a strip of
    the parts on a terminal, one line for each part elsewhere, with --json as JSON. Ctrl+C ends it;
    the next run of the same line continues where it ended.

    With --url the service runs the line, and Ctrl+C ends only the strip. SOURCE may also be the id
    of an item; a folder is one below MM_IMPORT_ROOT of the service.
    """
    from mm.cli.inspector_choice import open_inspector
    from mm.cli.line_strip import open_strip
    from mm.errors import InvalidInput
    from mm.line.config import LineConfig, parse_region
    from mm.line.line import Line
    from mm.line.open import CAMERA_SCHEMES, open_source
    from mm.line.records.ledger import Ledger
    from mm.media import MediaReader
    from mm.settings import load_settings

    is_video = not source.startswith(CAMERA_SCHEMES) and Path(source).is_file()
    if url is not None:
        if background is not None or csv_path is not None:
            raise InvalidInput("A line of a service learns its background, and has its own CSV file: /v1/lines/NAME/parts.csv.")
        fields = {
            "name": name,
            "inspector": inspector,
            "sinks": _describe_sinks(webhook, webhook_secret, mqtt, opcua),
            "region": list(parse_region(region)) if region else None,
            "crop": crop,
            "min_area": min_area,
            "fail_share": fail_share,
        }
        of_source = {"pattern": pattern, "images_per_part": images_per_part, "once": once, "pace": pace}
        _watch_remotely(url, source, of_source, fields, deadline, as_json=as_json)
        return
    settings = load_settings()
    folder = settings.root / "lines" / name
    config = LineConfig(
        name,
        parse_region(region) if region else (),
        "part" if crop == "part" else "region",
        min_area,
        fail_share=fail_share,
        deadline_seconds=deadline if deadline is not None else None if is_video and not pace else 1.0,
    )
    sinks = _open_sinks(csv_path, webhook, webhook_secret, mqtt, opcua)
    with MediaReader.from_settings(settings) as reader:
        opened = open_source(source, reader, settings, pattern, images_per_part, once=once, pace=pace)
        empty = reader.image(background, background.name) if background else None
        loaded = open_inspector(inspector, settings)
        with Ledger(folder, [sink.name for sink in sinks]) as ledger, open_strip(as_json=as_json) as strip:
            line = Line(config, opened, loaded, ledger, folder, sinks, strip.add, empty)
            strip.start(line.counts, loaded.threshold, config)
            _run(line)
            strip.finish({sink.name: ledger.num_pending(sink.name) for sink in sinks})


def _watch_remotely(
    url: str, source: str, of_source: Mapping[str, object], fields: Mapping[str, object], deadline: float | None, *, as_json: bool
) -> None:
    from mm.cli.inspection.remote_line import RemoteWatching, describe_end, find_remote_source, make_request
    from mm.cli.progress import open_progress
    from mm.embedded.connect import connect

    with connect(url) as client:
        with open_progress() as progress, progress.task(source) as report:
            found = find_remote_source(client, source, report, of_source)
        if deadline is None and not (found.item is not None and not found.pace):
            deadline = 1.0
        info = RemoteWatching(client, as_json=as_json).watch(make_request({**fields, "source": found, "deadline": deadline}))
    click.echo(describe_end(info), err=True)


def _describe_sinks(
    webhook: str | None, secret: Path | None, mqtt: str | None, opcua: tuple[str, str] | None
) -> dict[str, object]:
    """The sinks as the service takes them."""
    _require_secret(webhook, secret)
    return {
        "webhook": None if webhook is None or secret is None else {"url": webhook, "secret": secret.read_text().strip()},
        "mqtt": mqtt,
        "opcua": None if opcua is None else {"url": opcua[0], "node": opcua[1]},
    }


def _require_secret(webhook: str | None, secret: Path | None) -> None:
    from mm.errors import InvalidInput

    if webhook is not None and secret is None:
        raise InvalidInput("A webhook needs --webhook-secret, a file with the secret that signs the verdicts.")


def _run(line: Line) -> None:
    """Run until the end or the first Ctrl+C, which lets verdicts in progress be written."""
    import signal

    from mm.cli.watching.stopping import stopping

    with stopping(line.stop, [signal.SIGINT]):
        line.run()


def _open_sinks(
    csv_path: Path | None, webhook: str | None, secret: Path | None, mqtt: str | None, opcua: tuple[str, str] | None
) -> list[Sink]:
    from mm.line import open as line_open

    _require_secret(webhook, secret)
    sinks: list[Sink] = []
    if csv_path is not None:
        sinks.append(line_open.open_csv(csv_path))
    if webhook is not None and secret is not None:
        sinks.append(line_open.open_webhook(webhook, secret.read_text()))
    if mqtt is not None:
        sinks.append(line_open.open_mqtt(mqtt))
    if opcua is not None:
        sinks.append(line_open.open_opcua(*opcua))
    return sinks
