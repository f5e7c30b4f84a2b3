"""A library whose catalog and folder do not match: what a person decides, done by `python -m
indexes.recover`."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal

import click

from mm.embedded.home_lock import lock_home
from mm.embedded.supervisor import environment
from mm.errors import Unavailable
from mm.schemas import Check, Recovery

if TYPE_CHECKING:
    from mm.settings import Settings

Action = Literal["adopt", "rebuild", "empty", "collect"]
NOT_BESIDE_THE_SERVICE = ("adopt", "rebuild", "empty")


def recover(settings: Settings, action: Action) -> Recovery:
    """Do it. Raises `Conflict` while the service runs on the folder, `Unavailable` with the reason
    when it cannot be done."""
    with ExitStack() as stack:
        if action in NOT_BESIDE_THE_SERVICE:
            stack.callback(lock_home(settings.root).release)
        return Recovery.model_validate_json(_run(settings, action, show_progress=True))


def check_library(settings: Settings) -> Check:
    """Whether the catalog and the folder belong together."""
    return Check.model_validate_json(_run(settings, "check", show_progress=False))


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
