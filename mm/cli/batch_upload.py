"""Many files: each sent, then each followed until it can be searched; one bad file does not stop
the others."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from mm.cli.format import describe_item
from mm.cli.progress import Progress, ProgressCallback
from mm.cli.resume_notes import ResumeNotes
from mm.client import Client
from mm.embedded.terminal import clean
from mm.errors import Forbidden, MMError, Unavailable
from mm.schemas import Upload


class BatchUpload:
    """Prints one line a file, as soon as its fate is known. `failed` counts those that cannot be
    searched."""

    def __init__(self, client: Client, tags: Sequence[str], progress: Progress, *, as_json: bool) -> None:
        self.failed = 0
        self._client = client
        self._tags = tags
        self._progress = progress
        self._as_json = as_json
        self._sent: list[tuple[Path, Upload]] = []
        self._resume_notes = ResumeNotes()

    def send(self, paths: Iterable[Path]) -> None:
        """Upload every file; links in a folder are refused. A link that is named itself is
        followed.

        Raises `Unavailable` when the service is gone; any other error is the file's own.
        """
        paths = list(paths)
        named = set(paths)
        for path in files_below(paths):
            if path.is_symlink() and path not in named:
                self._refused(path, Forbidden("It is a link, and links are not followed."))
                continue
            with self._progress.task(clean(path.name)) as report:
                try:
                    self._sent.append((path, self._send(path, report)))
                except Unavailable:
                    raise
                except MMError as error:
                    self._resume_notes.remove(path, self._tags)
                    self._refused(path, error)

    def _send(self, path: Path, report: ProgressCallback) -> Upload:
        """An interruption leaves the note of where the beginning is; an answer, good or bad,
        removes it."""
        upload = self._client.add(
            path,
            tags=self._tags,
            on_progress=report,
            upload=self._resume_notes.find_upload(path, self._tags),
            on_upload=lambda where: self._resume_notes.record(path, self._tags, where),
        )
        self._resume_notes.remove(path, self._tags)
        return upload

    def follow(self) -> None:
        """Wait for the work on everything that was sent."""
        for path, upload in self._sent:
            with self._progress.task(clean(path.name)) as report:
                job = self._client.wait(upload.job.id, on_progress=report)
            self.failed += job.state != "done"
            item = self._client.item(upload.item.id)
            self._done(path, Upload(item=item, job=job, created=upload.created))

    def print_sent(self) -> None:
        """Tell what was sent, without waiting."""
        for path, upload in self._sent:
            self._done(path, upload)

    def _done(self, path: Path, upload: Upload) -> None:
        if self._as_json:
            click.echo(json.dumps({"path": str(path), **upload.model_dump(mode="json")}))
            return
        item, job = upload.item, upload.job
        if job.error is not None:
            click.echo(f"{job.state}  {clean(str(path))}: {clean(job.error)}", err=True)
        else:
            known = "" if upload.created else ", already there"
            click.echo(f"{item.status}  {item.id}  {clean(str(path))} ({describe_item(item)}{known})")

    def _refused(self, path: Path, error: MMError) -> None:
        self.failed += 1
        if self._as_json:
            problem = {"type": error.slug, "title": error.title, "status": error.status, "detail": str(error)}
            click.echo(json.dumps({"path": str(path), "problem": problem}))
        else:
            click.echo(f"refused  {clean(str(path))}: {clean(str(error))}", err=True)


def files_below(paths: Iterable[Path]) -> Iterator[Path]:
    """The files named, and those and the links of the folders named, in order; hidden ones only
    when named themselves."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            links = [name for name in folders if (Path(folder) / name).is_symlink()]  # not walked into, so named here
            yield from (Path(folder) / name for name in sorted([*names, *links]) if not name.startswith("."))
