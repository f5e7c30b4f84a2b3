"""Items that are processed again: each begun, then each followed to the end; one that fails does
not stop the others."""

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
"""Not `cancelled`: a person stopped those."""
PAGE = 500  # items of one request


class BatchRetry:
    """Prints one line an item. `failed` counts those that were refused or failed again."""

    def __init__(self, client: Client, progress: Progress, *, as_json: bool) -> None:
        self.failed = 0
        self._client = client
        self._progress = progress
        self._as_json = as_json
        self._begun: list[Upload] = []

    def begin(self, items: Iterable[str]) -> None:
        """Give each item a new job. Raises `Unavailable` when the service is gone; any other error
        is the item's own."""
        for item_id in items:
            try:
                self._begun.append(self._client.retry(item_id))
            except Unavailable:
                raise
            except MMError as error:
                self._refused(item_id, error)

    def finish(self, *, wait: bool) -> None:
        """Print what became of each item; with `wait`, when the work on it is over."""
        for begun in self._begun:
            upload = self._followed(begun) if wait else begun
            self.failed += wait and upload.job.state != "done"
            self._show(upload)

    def _followed(self, begun: Upload) -> Upload:
        with self._progress.task(clean(begun.item.name)) as report:
            job = self._client.wait(begun.job.id, on_progress=report)
        return Upload(item=self._client.item(begun.item.id), job=job, created=False)

    def _show(self, upload: Upload) -> None:
        item, job = upload.item, upload.job
        if self._as_json:
            click.echo(upload.model_dump_json())
        elif job.error is not None:
            click.echo(f"{job.state}  {item.id}  {clean(item.name)}: {clean(job.error)}", err=True)
        else:
            click.echo(f"{item.status}  {item.id}  {clean(item.name)} ({describe_item(item)})")

    def _refused(self, item_id: str, error: MMError) -> None:
        self.failed += 1
        if self._as_json:
            problem = {"type": error.slug, "title": error.title, "status": error.status, "detail": str(error)}
            click.echo(json.dumps({"id": item_id, "problem": problem}))
        else:
            click.echo(f"refused  {clean(item_id)}: {clean(str(error))}", err=True)


def stopped_items(client: Client) -> Iterator[str]:
    """Ids of all items that failed or are quarantined."""
    for status in STOPPED:
        cursor: str | None = None
        while True:
            page = client.items(status=status, limit=PAGE, cursor=cursor)
            yield from (item.id for item in page.items)
            if (cursor := page.next) is None:
                break
