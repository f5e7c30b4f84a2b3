"""`python -m mm.cli.demo`: the whole journey on real media, with a truth that is known. Exit code 1
when a truth is missed."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from mm.cli.demo.ask import ask_all
from mm.cli.demo.ingest import ingest
from mm.cli.demo.library import FILM, QUESTIONS, SCENES, SOUND
from mm.cli.demo.material import prepare
from mm.cli.demo.page import write_page
from mm.cli.demo.table import show_results
from mm.cli.demo.truth import film_truth
from mm.client import Client
from mm.embedded.connect import terminable
from mm.embedded.supervisor import Stack
from mm.errors import MMError
from mm.settings import Settings

PAGE = Path("demo/index.html")


def run(page: Path) -> int:
    """Take in, ask, print, write the page. Returns the number of truths that were missed."""
    start = time.monotonic()

    def say(line: str) -> None:
        click.echo(f"{time.monotonic() - start:5.1f} s  {line}", err=True)

    with TemporaryDirectory(prefix="mm-demo-") as folder, terminable():
        # Its own folder, ports and database, whatever the environment says; nothing of the user's
        # is touched.
        settings = Settings(home=Path(folder) / "home", host="127.0.0.1", port=0, broker_url="", database_url="")
        with Stack(settings, say) as stack, Client(stack.url) as client:
            say("splicing a film of two minutes from photos, clips and speech")
            material = prepare(Path(folder) / "media")
            stack.wait_ready()
            say(f"taking in {len(material.media)} files")
            library = ingest(client, material, say)
            say(f"asking {len(QUESTIONS)} questions")
            results = ask_all(client, QUESTIONS, library, material, film_truth(FILM, SCENES, SOUND))
            write_page(page, results, client)
            say("stopping")
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
