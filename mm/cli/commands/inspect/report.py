"""`mm inspect report`: a run as one HTML file."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options


@click.command()
@click.argument("run", metavar="RUN")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="HTML file; default: RUN/report.html.")
@click.option("--examples", type=click.IntRange(0, 200), default=12, show_default=True, help="Images with heat maps.")
@click.option(
    "--pod",
    "pods",
    multiple=True,
    type=options.FILE,
    help="JSON or SVG of `mm bench pod` to include; repeatable.",
)
@options.remote
def command(run: str, out: Path | None, examples: int, pods: tuple[Path, ...], url: str | None) -> None:
    """Write a report of a run of `mm inspect run`, its id or its folder, as one HTML file.

    With --url, of an inspection of the service by its id; the file is RUN.html.

    The file loads nothing from elsewhere and can be printed: verdicts by p-value, what the
    threshold promises, false alarms and catches measured on marked parts, examples with heat maps,
    and settings.
    """
    from mm.cli.inspection.remote_runs import open_service_run
    from mm.cli.inspection.reporting import build_run_report
    from mm.embedded.connect import connect
    from mm.files import write_atomic
    from mm.inspection.runs import open_run
    from mm.settings import load_settings

    settings = load_settings()
    if url is None:
        opened = open_run(settings.root, run)
        target = out or opened.folder / "report.html"
        document = build_run_report(opened, settings, examples, pods)
    else:
        target = out or Path(f"{Path(run).name}.html")
        with connect(url) as client, open_service_run(client, run) as remote:
            document = build_run_report(remote, settings, examples, pods)
    write_atomic(target, document.encode(), durable=False)
    click.echo(str(target))
