"""The captions of the demo's photos, which the service writes after the ingest."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mm.generation.caption_model import find_caption_model

if TYPE_CHECKING:
    from mm.client import Client
    from mm.settings import Settings

MAX_SECONDS = 120.0
"""Longest wait for the captions of all photos."""
POLL_SECONDS = 0.5
NO_CAPTIONER = "captions are left out: the trained weights of the language model are not installed"


@dataclass(frozen=True, slots=True)
class PhotoCaption:
    """The caption of a photo, by its name in the data set."""

    name: str
    item_id: str
    text: str | None
    """None for a caption that probably does not describe the photo, which the service hides."""


def wait_for_captions(
    client: Client, settings: Settings, item_names: Mapping[str, str], on_progress: Callable[[str], None]
) -> list[PhotoCaption]:
    """Wait until the photos have captions, and return them in the order of the photos.

    Without trained weights there is none; a photo whose caption is late is left out.
    """
    if find_caption_model(settings) is None:
        on_progress(NO_CAPTIONER)
        return []
    photos = {item_id: name for item_id, name in item_names.items() if client.item(item_id).kind == "image"}
    on_progress(f"waiting for captions of {len(photos)} photos; a small language model writes them, and some can be wrong")
    captions: dict[str, PhotoCaption] = {}
    end = time.monotonic() + MAX_SECONDS
    while len(captions) < len(photos) and time.monotonic() < end:
        for item_id, name in photos.items():
            if item_id in captions:
                continue
            stored = client.captions(item_id)
            if stored.captions:
                captions[item_id] = PhotoCaption(name, item_id, stored.captions[0].text)
                on_progress(f"captioned: {name}: {captions[item_id].text}")
            elif stored.notes:
                captions[item_id] = PhotoCaption(name, item_id, None)
                on_progress(f"no caption: {name}: the written one probably does not describe the photo")
        time.sleep(POLL_SECONDS)
    return [captions[item_id] for item_id in photos if item_id in captions]


def describe_captions(captions: Sequence[PhotoCaption]) -> str:
    """One sentence: how many captions are shown, and how many are not."""
    num_hidden = sum(caption.text is None for caption in captions)
    shown = f"{len(captions) - num_hidden} of {len(captions)} photos have a caption"
    return f"{shown}; {num_hidden} improbable ones are hidden (MM_CAPTION_CONFIDENCE)." if num_hidden else f"{shown}."
