"""`mm watch DIR`: uploads the files of a folder as they appear."""

from __future__ import annotations

import hashlib
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli.batch_upload import FileSender
from mm.cli.progress import open_progress
from mm.cli.watching.printing import EventPrinter
from mm.cli.watching.stopping import stopping
from mm.embedded.connect import connect, print_status
from mm.embedded.terminal import clean
from mm.errors import InvalidInput
from mm.settings import load_settings
from mm.watch.folder import FolderWatch, Stopped
from mm.watch.folder_state import FolderState
from mm.watch.jobs import JobFollower

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.schemas import Upload


def state_folder(home: Path, source: str, name: str, url: str | None) -> Path:
    """The folder of the journal of a source that is sent to one library.

    Its name is legible and distinguishes sources and services.
    """
    digest = hashlib.sha256(f"{source}\n{url or ''}".encode("utf-8", "surrogateescape")).hexdigest()[:8]
    readable = re.sub(r"[^A-Za-z0-9._-]", "_", name).strip("._")[:60]
    return home / "watch" / f"{readable or 'source'}-{digest}"


def watch_folder(root: Path, tags: Sequence[str], settle: float, *, once: bool, url: str | None, as_json: bool) -> int:
    """Upload until Ctrl+C, or with `once` what is there now. Returns the exit status.

    Raises `NotFound`, `InvalidInput`, `Conflict`, and as the service.
    """
    home, folder = load_settings().root.resolve(), root.resolve()
    if folder.is_relative_to(home):
        raise InvalidInput(f"{root} is in MM_HOME, the folder of the library itself.")
    if not root.is_dir():
        raise InvalidInput(f"{root} is not a folder. To upload a file, use mm add.")
    stop, print_event = threading.Event(), EventPrinter(as_json=as_json)
    with (
        FolderState(state_folder(home, str(folder), folder.name, url)) as state,
        connect(url) as client,
        open_progress() as progress,
        stopping(stop.set),
    ):
        sender, jobs = FileSender(client, tags), JobFollower(client.job, print_event)

        def send(path: Path) -> Upload:
            with progress.task(clean(path.name)) as report:

                def check(fraction: float, stage: str) -> None:
                    report(fraction, stage)
                    if stop.is_set():
                        raise Stopped

                return sender.send(path, check)

        watch = FolderWatch(root, state, send, jobs, print_event, settle, left_out=[home])
        if not once:
            print_status(f"watching {clean(str(root))} ({state.num_contents} files sent before); Ctrl+C ends it")
        watch.run(stop, once=once)
    summary = print_event.summary()
    if jobs.num_open:
        summary += f"; {jobs.num_open} not searchable yet, the service continues with them"
    click.echo(summary, err=True)
    counts = print_event.counts
    return int(once and bool(watch.num_unreadable or counts["refused"] or counts["failed"]))
