"""`python -m mm.cli.demo`: the whole journey on real media, with a truth that is known. Exit code 1
when a truth is missed."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from mm.cli.demo.dataset import AUDIO, QUERIES, SCENES, VIDEO
from mm.cli.demo.fixtures import prepare
from mm.cli.demo.ground_truth import build_ground_truth
from mm.cli.demo.ingest import ingest
from mm.cli.demo.page import write_page
from mm.cli.demo.queries import run_queries
from mm.cli.demo.table import show_results
from mm.client import Client
from mm.embedded.connect import exit_on_sigterm
from mm.embedded.supervisor import Supervisor
from mm.errors import MMError
from mm.settings import Settings

PAGE = Path("demo/index.html")


def run(page: Path) -> int:
    """Take in, ask, print, write the page. Returns the number of truths that were missed."""
    start = time.monotonic()

    def print_progress(line: str) -> None:
        click.echo(f"{time.monotonic() - start:5.1f} s  {line}", err=True)

    with TemporaryDirectory(prefix="mm-demo-") as folder, exit_on_sigterm():
        # Its own folder, ports and database, whatever the environment says; nothing of the user's
        # is touched.
        settings = Settings(home=Path(folder) / "home", host="127.0.0.1", port=0, broker_url="", database_url="")
        with Supervisor(settings, print_progress) as stack, Client(stack.url) as client:
            print_progress("splicing a video of two minutes from photos, clips and speech")
            fixtures = prepare(Path(folder) / "media")
            stack.wait_ready()
            print_progress(f"taking in {len(fixtures.media)} files")
            library = ingest(client, fixtures, print_progress)
            print_progress(f"asking {len(QUERIES)} questions")
            results = run_queries(client, QUERIES, library, fixtures, build_ground_truth(VIDEO, SCENES, AUDIO))
            write_page(page, results, client)
            print_progress("stopping")
    show_results(results)
    missed = sum(not result.right for result in results)
    click.echo(f"{len(results) - missed} of {len(results)} as the truth has it. The page is {page}.")
    return missed


def main() -> int:
    try:
        return min(run(PAGE), 1)
    except MMError as error:
        click.echo(str(error), err=True)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
