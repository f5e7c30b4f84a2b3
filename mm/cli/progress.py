"""Progress on standard error: bars on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

ProgressCallback = Callable[[float, str], None]
"""Receives the progress of the current stage, 0 to 1, and the name of the stage."""


class Progress(Protocol):
    """Shows tasks, sequential or concurrent."""

    def task(self, name: str) -> AbstractContextManager[ProgressCallback]:
        """Show a task for as long as the block lasts."""


class NullProgress:
    """Shows nothing."""

    def task(self, name: str) -> AbstractContextManager[ProgressCallback]:
        return nullcontext(lambda fraction, stage: None)


def open_progress() -> AbstractContextManager[Progress]:
    """Progress bars if standard error is a terminal, else `NullProgress`."""
    return _bars() if sys.stderr.isatty() else nullcontext(NullProgress())


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TextColumn("{task.fields[stage]}", markup=False),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        class Bars:
            @contextmanager
            def task(self, name: str) -> Iterator[ProgressCallback]:
                task = bars.add_task(name, total=1.0, stage="")
                try:
                    yield lambda fraction, stage: bars.update(task, completed=fraction, stage=stage)
                finally:
                    bars.remove_task(task)

        yield Bars()
