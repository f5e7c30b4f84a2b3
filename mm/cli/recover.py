"""A library whose catalog and folder do not match: what a person decides, done by `python -m indexes.recover`."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal

import click

from mm.cli.locks import lock_home
from mm.cli.stack import environment
from mm.errors import Unavailable
from mm.schemas import Check, Recovery

if TYPE_CHECKING:
    from mm.settings import Settings

Action = Literal["adopt", "rebuild", "empty", "collect"]
NOT_BESIDE_THE_SERVICE = ("adopt", "rebuild", "empty")


def recover(settings: Settings, action: Action) -> Recovery:
    """Do it. Raises `Conflict` while the service runs on the folder, `Unavailable` with the reason when it cannot be done."""
    with ExitStack() as stack:
        if action in NOT_BESIDE_THE_SERVICE:
            stack.callback(lock_home(settings.root).release)
        return Recovery.model_validate_json(_run(settings, action, show_progress=True))


def look(settings: Settings) -> Check:
    """Whether the catalog and the folder belong together."""
    return Check.model_validate_json(_run(settings, "check", show_progress=False))


def show(result: Recovery) -> None:
    """The result in words."""
    if result.aside is not None:
        click.echo(f"The catalog that was in use is {result.aside}; nothing deletes it.")
    match result.action:
        case "adopt":
            click.echo("The catalog and the folder belong together from now on.")
        case "rebuild":
            click.echo(
                f"{result.items:,} items were added to the catalog; they can be searched once the service has processed them."
            )
            if result.reused:
                click.echo(f"Not encoded again, because their vectors are in the folder: {result.reused:,}.")
        case "empty" | "collect":
            click.echo(f"{result.trashed:,} files were moved to the trash, which MM_TRASH_DAYS empties.")
    if result.skipped:
        click.echo(f"{result.skipped:,} files are left over from uploads that never ended; they were not added.")
    if result.lost:
        click.echo(f"{result.lost:,} items of the catalog have no file: restore the files from a backup, or delete the items.")
    for sha256, reason in sorted(result.refused.items()):
        click.echo(f"not added  {sha256}: {reason}", err=True)


def _run(settings: Settings, action: str, *, show_progress: bool) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "indexes.recover", action],
        env=environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stderr.strip().splitlines()
    if done.returncode:
        raise Unavailable(lines[-1] if lines else f"The command ended with exit status {done.returncode}.")
    if show_progress:
        for line in lines:
            click.echo(line, err=True)
    return done.stdout
