"""The captions of the demo's photos, which the service writes after the ingest."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mm.generation.caption_model import find_caption_model

if TYPE_CHECKING:
    from mm.client import Client
    from mm.settings import Settings

MAX_SECONDS = 120.0
"""Longest wait for the captions of all photos."""
POLL_SECONDS = 0.5
NO_CAPTIONER = "captions are left out: the trained weights of the language model are not installed"


def wait_for_captions(
    client: Client, settings: Settings, item_names: Mapping[str, str], on_progress: Callable[[str], None]
) -> dict[str, str]:
    """Wait until the photos have captions. Returns the caption of each photo by its name.

    Without trained weights there is none; a photo whose caption is late or improbable is left out.
    """
    if find_caption_model(settings) is None:
        on_progress(NO_CAPTIONER)
        return {}
    photos = {item_id: name for item_id, name in item_names.items() if client.item(item_id).kind == "image"}
    captions: dict[str, str] = {}
    left_out: set[str] = set()
    end = time.monotonic() + MAX_SECONDS
    while len(captions) + len(left_out) < len(photos) and time.monotonic() < end:
        for item_id, name in photos.items():
            if name in captions or name in left_out:
                continue
            stored = client.captions(item_id)
            if stored.captions:
                captions[name] = stored.captions[0].text
                on_progress(f"captioned: {name}: {captions[name]}")
            elif stored.notes:
                left_out.add(name)
                on_progress(f"captioned: {name}: left out, too improbable")
        time.sleep(POLL_SECONDS)
    return captions
