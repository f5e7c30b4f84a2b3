"""A process that writes captions, to be killed at a chosen image."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection

from indexes import open_store
from mm.generation.caption_model import CaptionModel
from mm.generation.caption_ranking import GeneratedCaption
from mm.generation.captioner import ImageLike
from mm.media import MediaReader
from mm.models.image.sample_photos import load_sample_photos
from mm.settings import Settings
from mm.spaces import Space, load_space
from tests.workers.conftest import Home, open_context
from workers.tasks.write_captions import write_captions


class WaitingCaptioner:
    """Writes which of the sample photos an image is, and takes two images at a time.

    Before each image it sends a message, and waits for a response.
    """

    def __init__(self, space: Space, connection: Connection) -> None:
        self._vectors = space.image.embed(load_sample_photos())
        self._connection = connection

    def caption(self, images: Iterable[ImageLike]) -> Iterator[tuple[int, GeneratedCaption]]:
        pending: list[tuple[int, GeneratedCaption]] = []
        for number, image in enumerate(images):
            self._connection.send(True)
            self._connection.recv()
            text = f"Photo {int((self._vectors @ image.vector_D).argmax())}."
            pending.append((number, GeneratedCaption(text, -1.0)))
            if len(pending) == 2:
                yield from pending
                pending = []
        yield from pending


def run_worker(settings: Settings, clock_offset: float, connection: Connection) -> None:
    """Write the captions that are due. The clock is ahead by an offset, in seconds."""
    space = load_space(settings.space, settings)
    with open_store(settings, lambda: time.time() + clock_offset) as store, MediaReader.from_settings(settings) as reader:
        home = Home(settings, store, reader, None)  # type: ignore[arg-type]  # no message is sent
        with open_context(home, space, caption_confidence=0.0) as context:
            model = CaptionModel("stub-1", lambda _: WaitingCaptioner(space, connection))
            write_captions(replace(context, caption_model=model))
    connection.send(False)
