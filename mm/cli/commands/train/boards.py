"""`mm train boards`: fit the verifier of boards."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options
from mm.cli.commands.train.common import print_output, print_progress


@click.command()
@click.option("--root", type=options.FOLDER, required=True, help="Folder of DeepPCB, with its split.json.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File for the coefficients, JSON.")
@options.as_json
def command(root: Path, out: Path, as_json: bool) -> None:
    """Fit the verifier of template inspectors on the split train of DeepPCB.

    Needs no torch. The card in the file has the F1 with each layout of boards left out.
    """
    from mm.training.boards.fit import train_boards

    train_boards(root, out, print_progress)
    print_output("verifier", out, as_json)
