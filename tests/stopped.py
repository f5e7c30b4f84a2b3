"""Items of a library whose work has ended before they could be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexes.catalog.records import NewItem
from tests.api import media

if TYPE_CHECKING:
    from indexes import Store
    from mm.schemas import JobState

REASON = "The file was given up after 3 attempts. Last: the worker was lost"


def stopped_item(store: Store, seed: int, state: JobState, error: str | None = REASON) -> str:
    """The id of a valid image, named by the state in which its job has ended."""
    with store.blobs.open_writer() as writer:
        writer.write(media.image(seed))
        sha256, size = writer.commit()
    new = NewItem(
        sha256=sha256, name=f"{state}.png", kind="image", content_type="image/png", size=size, duration=0.0, width=96,
        height=64, fps=0.0, has_audio=False,
    )  # fmt: skip
    item, job, _ = store.catalog.add_item(new)
    store.catalog.update_job(job.id, state=state, error=error)
    return item.id
