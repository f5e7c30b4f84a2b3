"""A process that performs tasks of inspectors, to be killed at a chosen step."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from indexes import open_store
from indexes.catalog.catalog import Catalog
from mm.media import MediaReader
from mm.settings import Settings
from tests.workers.conftest import Home, open_context
from workers.inspection import teach as taught
from workers.work_unit import run_work_unit

HOUR = 3600.0
LIMIT_SECONDS = 120.0
END = "end"


def run_worker(settings: Settings, clock_offset: float, connection: Connection) -> None:
    """Perform due tasks. Sends the name of each step and waits for a response, at last `END`."""

    def stop_at(step: str) -> None:
        connection.send(step)
        connection.recv()

    def wrap(owner: Any, name: str, before: str, after: str) -> None:
        wrapped: Callable[..., Any] = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            stop_at(before)
            result = wrapped(*args, **kwargs)
            stop_at(after)
            return result

        setattr(owner, name, call)

    wrap(os, "link", "version staged", "version stored")
    wrap(Catalog, "add_results", "results computed", "results committed")
    wrap(Catalog, "finish_version", "version current", "version committed")
    number_steps(stop_at)
    with open_store(settings, lambda: time.time() + clock_offset) as store, MediaReader.from_settings(settings) as reader:
        home = Home(settings, store, reader, None)  # type: ignore[arg-type]  # it is not used
        with open_context(home, None) as context:  # type: ignore[arg-type]  # no media is encoded
            while store.catalog.count_due_work(settings.lease_seconds):
                run_work_unit(context)
    connection.send(END)


def number_steps(stop_at: Callable[[str], None]) -> None:
    """Stop at each step of teaching: `taught 1`, `taught 2` and so on."""
    wrapped = taught.report_steps

    def report_steps(*args: Any, **kwargs: Any) -> Callable[[str], None]:
        report, numbers = wrapped(*args, **kwargs), itertools.count(1)

        def add(line: str) -> None:
            report(line)
            stop_at(f"taught {next(numbers)}")

        return add

    taught.report_steps = report_steps


def run_until(settings: Settings, hours: int, step: str) -> bool:
    """Run a process and kill it at a step. Returns False if it ends before.

    The clock is so many hours ahead, so that the leases of earlier processes have expired.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # imported once for all processes
    connection, of_process = context.Pipe()
    process = context.Process(target=run_worker, args=(settings, hours * HOUR, of_process))
    process.start()
    of_process.close()
    try:
        while True:
            assert connection.poll(LIMIT_SECONDS)
            reached = connection.recv()
            if reached in {step, END}:
                return bool(reached == step)
            connection.send(True)
    finally:
        process.kill()
        process.join()
