"""Check and recover a library by `python -m indexes.recover`, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal

import click

from mm.embedded.environment import build_environment
from mm.embedded.home_lock import lock_home
from mm.errors import Unavailable
from mm.schemas import Check, Recovery

if TYPE_CHECKING:
    from mm.settings import Settings

Action = Literal["adopt", "rebuild", "empty", "collect", "metadata", "text"]
OFFLINE_ACTIONS = ("adopt", "rebuild", "empty")
"""Actions during which the service must not run."""


def recover(settings: Settings, action: Action) -> Recovery:
    """Carry out a recovery action, with progress on standard error.

    Raises `Conflict` while the service runs on the folder, `Unavailable` when the action fails.
    """
    with ExitStack() as stack:
        if action in OFFLINE_ACTIONS:
            stack.callback(lock_home(settings.root).release)
        return Recovery.model_validate_json(_run(settings, action, show_progress=True))


def check_library(settings: Settings) -> Check:
    """Check whether the catalog and the home folder belong together."""
    return Check.model_validate_json(_run(settings, "check", show_progress=False))


def _run(settings: Settings, action: str, *, show_progress: bool) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "indexes.recover", action],
        env=build_environment(settings),
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
