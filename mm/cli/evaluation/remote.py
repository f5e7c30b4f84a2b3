"""Evaluate a folder of a server as a job of its service."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from mm.cli.lazy import Failure

if TYPE_CHECKING:
    from mm.client import Client
    from mm.evaluation.evaluate_set import SetRequest
    from mm.schemas import Evaluation, Run


def evaluate_remotely(client: Client, request: SetRequest, space: str | None, run_id: str | None) -> Run:
    """Start the evaluation, show its progress until it ends, and return the run without items.

    The folder is relative to MM_IMPORT_ROOT of the server. Raises as `client.evaluations.create`,
    and `Failure` for a job that ends without a run.
    """
    started = client.evaluations.create(
        request.described.name, str(request.root), split=request.split, task=request.task, space=space or "",
        options=request.options, speech="speech" in request.kinds, strict=request.strict, run=run_id or "",
    )  # fmt: skip
    ended: Evaluation = client.evaluations.wait(started.id, on_progress=show_stage)
    if ended.run is None:
        raise Failure(f"The evaluation {started.id} is {ended.state}: {ended.error or ended.stage}")
    return ended.run


def show_stage(fraction: float, stage: str) -> None:
    """The stage of the job on standard error, rewritten on a terminal."""
    if sys.stderr.isatty():
        click.echo(f"\r{100 * fraction:.0f} % {stage}\033[K", err=True, nl=fraction >= 1)


def print_remote_check(client: Client, set_name: str, folder: str, split: str) -> bool:
    """Print what is wrong with a folder of a server; whether it can be evaluated."""
    found = client.evaluations.check(set_name, folder, split=split)
    for problem in found.problems:
        parts = (f"{problem.where}: {problem.what}", problem.remedy)
        click.echo(f"{problem.severity}\t{' '.join(part for part in parts if part)}")
    if not any(problem.severity == "error" for problem in found.problems):
        click.echo(
            f"{folder} can be evaluated as {set_name}, split {split}: {found.num_files} files, {found.num_missing} missing."
        )
        return True
    return False
