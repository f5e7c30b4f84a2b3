"""`python -m mm.cli.demo`: ingest real media, search, inspect parts, and check the results.

The exit code is 1 when a result is wrong.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from mm.cli.demo.captions import describe_captions, wait_for_captions
from mm.cli.demo.dataset import AUDIO, QUERIES, SCENES, VIDEO
from mm.cli.demo.fixtures import make_fixtures
from mm.cli.demo.ground_truth import build_ground_truth
from mm.cli.demo.ingest import ingest
from mm.cli.demo.inspection import inspect_parts, print_parts
from mm.cli.demo.page import write_page
from mm.cli.demo.queries import run_queries
from mm.cli.demo.questions import QUESTIONS, ask_questions, print_answers
from mm.cli.demo.reading import wait_for_text
from mm.cli.demo.table import print_results
from mm.client import Client
from mm.embedded.connect import exit_on_sigterm
from mm.embedded.supervisor import Supervisor
from mm.errors import MMError
from mm.settings import Settings

PAGE = Path("demo/index.html")
INSPECTION = "inspection"
"""Folder of the rendered parts, beside the page."""


def run(page: Path) -> int:
    """Run the demo and write the page. Returns the number of wrong results."""
    start = time.monotonic()

    def print_progress(line: str) -> None:
        click.echo(f"{time.monotonic() - start:5.1f} s  {line}", err=True)

    with TemporaryDirectory(prefix="mm-demo-") as folder, exit_on_sigterm():
        # A temporary home folder, SQLite, the embedded broker and captions, whatever is set.
        settings = Settings(home=Path(folder) / "home", host="127.0.0.1", port=0, broker_url="", database_url="", captions="on")
        with Supervisor(settings, print_progress) as supervisor, Client(supervisor.url) as client:
            print_progress("generating a video of two minutes from photos, clips and speech")
            fixtures = make_fixtures(Path(folder) / "media")
            supervisor.wait_ready()
            print_progress(f"ingesting {len(fixtures.media)} files")
            item_names = ingest(client, fixtures, print_progress)
            wait_for_text(client, item_names, print_progress)
            captions = wait_for_captions(client, settings, item_names, print_progress)
            print_progress(f"running {len(QUERIES)} queries")
            results = run_queries(client, QUERIES, item_names, fixtures, build_ground_truth(VIDEO, SCENES, AUDIO))
            print_progress(f"asking {len(QUESTIONS)} questions")
            answers = ask_questions(client, QUESTIONS, item_names, build_ground_truth(VIDEO, SCENES, AUDIO))
            write_page(page, results, captions, answers, client)
            print_progress("stopping")
        parts = inspect_parts(page.parent / INSPECTION, settings, print_progress)
    print_results(results)
    print_answers(answers, item_names)
    print_parts(parts, page.parent / INSPECTION)
    num_wrong = sum(not result.is_correct for result in results)
    num_wrong_answers = sum(not answer.is_correct for answer in answers)
    click.echo(f"{len(results) - num_wrong} of {len(results)} results are correct.")
    click.echo(f"{len(answers) - num_wrong_answers} of {len(answers)} answers are correct.")
    if captions:
        click.echo(describe_captions(captions))
    click.echo(f"The page is {page}.")
    return num_wrong + num_wrong_answers + sum(not part.is_correct for part in parts)


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
