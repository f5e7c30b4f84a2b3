"""The larger spaces that this service could use, and the measurement of one of them."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from indexes.catalog.records import BrowseFilters
from mm.errors import Conflict, NotFound
from mm.machine import read_machine
from mm.spaces.larger.advice import advise
from mm.spaces.larger.hub import is_on_disk
from mm.spaces.larger.speed import measure_space
from mm.spaces.larger.table import get_larger_space

if TYPE_CHECKING:
    from api.service import Service
    from mm.schemas import SpaceOptions
    from mm.spaces.types import SpaceId

NUM_IMAGES, LONGEST_SIDE = 8, 640
"""Images of the library on which a model is measured, and their longest side in pixels."""


def describe_options(service: Service, current: str, space: SpaceId, *, ask_network: bool) -> SpaceOptions:
    """What this machine could run instead of the present space. Raises `Unavailable`."""
    content = service.store.catalog.measure_content(space)
    return advise(service.settings, current, content, read_machine(), ask_network=ask_network)


def measure(service: Service, name: str) -> None:
    """Measure a space that is on the disk on images of the library, and store the result.

    Raises `NotFound` for a space that is not, `Conflict` without images, and `Unavailable`.
    """
    option = get_larger_space(name)
    if not is_on_disk(option):
        raise NotFound(f"The files of {name} are not on this machine, so that its speed can only be estimated.")
    with tempfile.TemporaryDirectory(prefix="mm-measure-") as folder:
        images = _write_images(service, Path(folder))
        if not images:
            raise Conflict("The library has no image or video on which the speed could be measured.")
        measure_space(service.settings, read_machine(), name, images)


def _write_images(service: Service, folder: Path) -> list[Path]:
    """Small copies of the newest images and videos, made by the sandbox."""
    filters = BrowseFilters(kinds=("image", "video"))
    items, _ = service.store.catalog.browse_items(filters, "newest", 0, NUM_IMAGES)
    paths = []
    for item in items:
        data = service.thumbnails.read_cached(item, 0.0, LONGEST_SIDE) or service.thumbnails.render(
            item, service.store.blobs.path(item.sha256), 0.0, LONGEST_SIDE, threading.Event()
        )
        paths.append(folder / f"{item.id}.webp")
        paths[-1].write_bytes(data)
    return paths
