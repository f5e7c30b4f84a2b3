"""The text in the demo's images, which the service recognizes after the ingest."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mm.cli.demo.ingest import REFRESH_SECONDS

if TYPE_CHECKING:
    from mm.client import Client

MAX_SECONDS = 120.0
"""Longest wait for the text of all images."""
POLL_SECONDS = 0.5


def wait_for_text(client: Client, item_names: Mapping[str, str], on_progress: Callable[[str], None]) -> int:
    """Wait until text recognition has run on all selected images. Returns their number."""
    end = time.monotonic() + MAX_SECONDS
    items = [client.item(item_id) for item_id in item_names]
    while any(item.unread_pictures for item in items) and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
        items = [client.item(item_id) for item_id in item_names]
    num_read, num_left = sum(item.read_pictures for item in items), sum(item.unread_pictures for item in items)
    on_progress(f"text recognized in {num_read} images of photos and videos" + (f", {num_left} are left" if num_left else ""))
    time.sleep(REFRESH_SECONDS)
    return num_read
