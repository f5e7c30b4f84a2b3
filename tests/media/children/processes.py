"""Processes of decoding children, as seen from outside, and a wait for conditions."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from tests.processes import read_command_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mm.media import MediaReader


def children(of: int | None = None) -> list[psutil.Process]:
    """Living decoding children of a process, the oldest first."""
    living = []
    for server in psutil.Process(of).children():
        with suppress(psutil.NoSuchProcess):
            if "mm.media.children.fork_server" in read_command_line(server):
                living += [child for child in server.children() if is_living(child)]
    return sorted(living, key=lambda child: child.create_time())


def is_living(process: psutil.Process) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def pids() -> set[int]:
    """Process ids of all decoding children of this process.

    Idle ones of other readers may end at any time.
    """
    return {child.pid for child in children()}


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for a condition that is certain to become true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition is still false"
        time.sleep(0.01)


def new_child(reader: MediaReader, video: Path) -> psutil.Process:
    before = {child.pid for child in children()}
    reader.probe(video, "video.mp4")
    (child,) = (child for child in children() if child.pid not in before)
    return child
