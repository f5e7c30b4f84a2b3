"""Upload the media files of the demo and wait until they can be searched."""

from __future__ import annotations

import time
from collections.abc import Callable

from mm.cli.demo.fixtures import Fixtures
from mm.cli.format import describe_item
from mm.cli.progress import open_progress
from mm.client import Client
from mm.errors import Conflict

REFRESH_SECONDS = 2.0  # longest delay until searches include new items


def ingest(client: Client, fixtures: Fixtures, on_progress: Callable[[str], None]) -> dict[str, str]:
    """Upload all files. Returns the data set name by item id.

    Raises `Conflict` for a file that cannot be searched.
    """
    with open_progress() as progress:
        uploads = {}
        for name, medium in fixtures.media.items():
            with progress.task(f"uploading {name}") as report:
                uploads[name] = client.add(medium.path, name=medium.name, on_progress=report)
        for name, upload in uploads.items():
            with progress.task(name) as report:
                job = client.wait(upload.job.id, on_progress=report)
            if job.state != "done":
                raise Conflict(f"The demo's {name} is {job.state}: {job.error}")
            on_progress(f"ingested: {name} ({describe_item(upload.item)})")
    time.sleep(REFRESH_SECONDS)
    return {upload.item.id: name for name, upload in uploads.items()}
