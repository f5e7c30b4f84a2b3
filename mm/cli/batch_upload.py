"""Upload many files and wait until they can be searched; an error of one file skips that file."""

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


class FileSender:
    """Uploads single files with the same tags; one that was interrupted is continued."""

    def __init__(self, client: Client, tags: Sequence[str]) -> None:
        self._client, self._tags = client, tags
        self._resume_notes = ResumeNotes()

    def send(self, path: Path, report: ProgressCallback) -> Upload:
        """Upload a file. An interruption keeps the resume note; any response removes it.

        Raises `Unavailable` when the service does not respond, and the error of a refused file.
        """
        try:
            upload = self._client.add(
                path,
                tags=self._tags,
                on_progress=report,
                upload=self._resume_notes.find_upload(path, self._tags),
                on_upload=lambda url: self._resume_notes.record(path, self._tags, url),
            )
        except Unavailable:
            raise
        except MMError:
            self._resume_notes.remove(path, self._tags)
            raise
        self._resume_notes.remove(path, self._tags)
        return upload


class BatchUpload:
    """Uploads files and prints one line per file; `num_failed` counts those not searchable."""

    def __init__(self, client: Client, tags: Sequence[str], progress: Progress, *, as_json: bool) -> None:
        self.num_failed = 0
        self._client = client
        self._sender = FileSender(client, tags)
        self._progress = progress
        self._as_json = as_json
        self._sent: list[tuple[Path, Upload]] = []

    def send(self, paths: Iterable[Path]) -> None:
        """Upload every file. Links in a folder are refused; a link that is an argument is followed.

        Raises `Unavailable` when the service does not respond; other errors are printed per file.
        """
        paths = list(paths)
        arguments = set(paths)
        for path in files_below(paths):
            if path.is_symlink() and path not in arguments:
                self._print_refusal(path, Forbidden("It is a link, and links are not followed."))
                continue
            with self._progress.task(clean(path.name)) as report:
                try:
                    self._sent.append((path, self._sender.send(path, report)))
                except Unavailable:
                    raise
                except MMError as error:
                    self._print_refusal(path, error)

    def wait(self) -> None:
        """Wait for the jobs of all uploads, and print their results."""
        for path, upload in self._sent:
            with self._progress.task(clean(path.name)) as report:
                job = self._client.wait(upload.job.id, on_progress=report)
            self.num_failed += job.state != "done"
            item = self._client.item(upload.item.id)
            self._print_upload(path, Upload(item=item, job=job, created=upload.created))

    def print_sent(self) -> None:
        """Print the uploads without waiting for their jobs."""
        for path, upload in self._sent:
            self._print_upload(path, upload)

    def _print_upload(self, path: Path, upload: Upload) -> None:
        if self._as_json:
            click.echo(json.dumps({"path": str(path), **upload.model_dump(mode="json")}))
            return
        item, job = upload.item, upload.job
        if job.error is not None:
            click.echo(f"{job.state}  {clean(str(path))}: {clean(job.error)}", err=True)
        else:
            suffix = "" if upload.created else ", already in the library"
            click.echo(f"{item.status}  {item.id}  {clean(str(path))} ({describe_item(item)}{suffix})")

    def _print_refusal(self, path: Path, error: MMError) -> None:
        self.num_failed += 1
        if self._as_json:
            problem = {"type": error.slug, "title": error.title, "status": error.status, "detail": str(error)}
            click.echo(json.dumps({"path": str(path), "problem": problem}))
        else:
            click.echo(f"refused  {clean(str(path))}: {clean(str(error))}", err=True)


def files_below(paths: Iterable[Path]) -> Iterator[Path]:
    """The given files, and the files and links below the given folders except hidden ones."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            links = [name for name in folders if (Path(folder) / name).is_symlink()]  # os.walk does not list them as files
            yield from (Path(folder) / name for name in sorted([*names, *links]) if not name.startswith("."))
