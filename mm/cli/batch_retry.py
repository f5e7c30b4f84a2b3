"""Process many items again; an error of one item skips that item."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import click

from mm.cli.format import describe_item
from mm.cli.progress import Progress
from mm.client import Client
from mm.embedded.terminal import clean
from mm.errors import MMError, Unavailable
from mm.schemas import ItemStatus, Upload

STOPPED: tuple[ItemStatus, ...] = ("failed", "quarantined")
"""Without `cancelled`: a user stopped those."""
PAGE_SIZE = 500  # items of one request


class BatchRetry:
    """Prints one line per item. `num_failed` counts those that were refused or failed again."""

    def __init__(self, client: Client, progress: Progress, *, as_json: bool) -> None:
        self.num_failed = 0
        self._client = client
        self._progress = progress
        self._as_json = as_json
        self._started: list[Upload] = []

    def start(self, items: Iterable[str]) -> None:
        """Start a new job for each item.

        Raises `Unavailable` when the service does not respond; other errors are printed per item.
        """
        for item_id in items:
            try:
                self._started.append(self._client.retry(item_id))
            except Unavailable:
                raise
            except MMError as error:
                self._print_refusal(item_id, error)

    def finish(self, *, wait: bool) -> None:
        """Print the state of each item, with `wait` after its job has ended."""
        for started in self._started:
            upload = self._wait(started) if wait else started
            self.num_failed += wait and upload.job.state != "done"
            self._print_upload(upload)

    def _wait(self, started: Upload) -> Upload:
        with self._progress.task(clean(started.item.name)) as report:
            job = self._client.wait(started.job.id, on_progress=report)
        return Upload(item=self._client.item(started.item.id), job=job, created=False)

    def _print_upload(self, upload: Upload) -> None:
        item, job = upload.item, upload.job
        if self._as_json:
            click.echo(upload.model_dump_json())
        elif job.error is not None:
            click.echo(f"{job.state}  {item.id}  {clean(item.name)}: {clean(job.error)}", err=True)
        else:
            click.echo(f"{item.status}  {item.id}  {clean(item.name)} ({describe_item(item)})")

    def _print_refusal(self, item_id: str, error: MMError) -> None:
        self.num_failed += 1
        if self._as_json:
            problem = {"type": error.slug, "title": error.title, "status": error.status, "detail": str(error)}
            click.echo(json.dumps({"id": item_id, "problem": problem}))
        else:
            click.echo(f"refused  {clean(item_id)}: {clean(str(error))}", err=True)


def list_stopped_items(client: Client) -> Iterator[str]:
    """Ids of all failed and quarantined items."""
    for status in STOPPED:
        cursor: str | None = None
        while True:
            page = client.items(status=status, limit=PAGE_SIZE, cursor=cursor)
            yield from (item.id for item in page.items)
            if (cursor := page.next) is None:
                break
