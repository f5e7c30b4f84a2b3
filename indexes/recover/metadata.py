"""Reads the metadata of files that an earlier version added: time taken, camera, place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mm.errors import MediaError, MMError
from mm.media import MediaReader
from mm.schemas import Recovery

if TYPE_CHECKING:
    from indexes.store import Store

ITEMS_PER_READ = 500
REPORT_ITEMS = 100
"""Items between two lines of progress."""


def read_metadata(store: Store, report: Callable[[str], None]) -> Recovery:
    """Read the metadata of each item without any, from its file. The service may run meanwhile.

    An interrupted run continues where it ended. Items whose file cannot be read are reported.
    """
    num_items, refused, after = 0, dict[str, str](), ""
    with MediaReader.from_settings(store.settings) as reader:
        while rows := store.catalog.list_items_without_capture(after, ITEMS_PER_READ):
            for item_id, sha256, name in rows:
                try:
                    num_items += store.catalog.add_capture(item_id, reader.probe(store.blobs.path(sha256), name).capture)
                except MMError as error:
                    refused[sha256] = str(error) if isinstance(error, MediaError) else f"{name}: {error}"
                    continue
                if num_items and num_items % REPORT_ITEMS == 0:
                    report(f"metadata of {num_items:,} items was read")
            after = rows[-1][0]
    return Recovery(action="metadata", items=num_items, refused=refused)
