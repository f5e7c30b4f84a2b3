"""Sentences about text in images that is not searchable: not recognized yet, or failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexes.catalog.records import TextProgress

MAX_NAMED = 3
"""Failed images of an item that are named."""
REPEAT = "Repeat it with `mm doctor --read-text`."


def describe_text(progress: TextProgress) -> list[str]:
    """What of the text of an item is not searchable; empty if all images are done."""
    notes = []
    if progress.num_left:
        num_images = progress.num_left + progress.num_done + len(progress.failed)
        notes.append(f"Text has not been recognized yet in {progress.num_left:,} of {num_images:,} images.")
    if progress.failed:
        named = "; ".join(f"at {image.time:.1f} s: {image.reason.rstrip('.')}" for image in progress.failed[:MAX_NAMED])
        more = "; ..." if len(progress.failed) > MAX_NAMED else ""
        notes.append(f"Text could not be recognized in {len(progress.failed):,} images ({named}{more}). {REPEAT}")
    return notes


def describe_library_text(num_left: int, num_failed: int) -> list[str]:
    """The same about all images of the library."""
    notes = []
    if num_left:
        notes.append(
            f"Text has not been recognized yet in {num_left:,} of the images and is not searchable; "
            "this happens when no job is waiting (MM_READ_TEXT)."
        )
    if num_failed:
        notes.append(f"Text could not be recognized in {num_failed:,} of the images. {REPEAT}")
    return notes
