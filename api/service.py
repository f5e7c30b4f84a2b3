"""The parts a running service is made of, opened and closed together; routes get them as one typed dependency."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import anyio
from fastapi import Depends, Request

from api.library import Library
from api.metrics import Metrics
from api.scratch import scratch_folder
from api.serving import Serving
from api.thumbnails import Thumbnails
from indexes import Store, open_store
from mm.errors import Unavailable
from mm.media import MediaReader
from mm.settings import Settings
from workers.ring import Bell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from api.towers import Towers
    from indexes.search import Searcher
    from mm.spaces import Space

ENCODERS = min(4, os.cpu_count() or 1)  # questions that are encoded at once; more only take turns on the same cores


SIGN_SECONDS = 60.0
"""How long a worker that is not there yet may take to give the first sign of work."""


@dataclass(frozen=True, slots=True)
class Service:
    """What routes need. Everything in it may be used from several threads."""

    settings: Settings
    metrics: Metrics
    store: Store
    serving: Serving
    bell: Bell
    reader: MediaReader
    thumbnails: Thumbnails
    library: Library
    encoders: anyio.CapacityLimiter
    scratch: Path  # for files of questions
    beats_before: frozenset[tuple[str, float]]  # signs of life of workers that are older than the service

    @property
    def space(self) -> Space:
        """The space that answers now. Whoever makes an answer of several steps takes `serving.use()`."""
        return self.serving.current.space

    @property
    def searcher(self) -> Searcher:
        return self.serving.current.searcher

    @property
    def towers(self) -> Towers:
        return self.serving.current.towers


@contextmanager
def open_service(settings: Settings, metrics: Metrics) -> Iterator[Service]:
    """Open every part, and close what was opened whatever happens. Towers load in the background."""
    with ExitStack() as stack:
        store = stack.enter_context(open_store(settings))
        serving = stack.enter_context(Serving(store, settings))
        reader = stack.enter_context(MediaReader.from_settings(settings))
        # A child of its own, so that a page of thumbnails does not keep an upload or a question waiting.
        thumbnail_reader = stack.enter_context(MediaReader.from_settings(settings))
        thumbnails = Thumbnails(settings.root / "cache" / "thumbnails", thumbnail_reader)
        bell = Bell(settings)
        beats_before = store.catalog.beats()
        threading.Thread(target=_ask_for_sign, args=(bell,), name="ping", daemon=True).start()
        yield Service(
            settings=settings,
            metrics=metrics,
            store=store,
            serving=serving,
            bell=bell,
            reader=reader,
            thumbnails=thumbnails,
            library=Library(store, bell, reader, thumbnails, metrics, settings.upload_bytes),
            encoders=anyio.CapacityLimiter(ENCODERS),
            scratch=stack.enter_context(scratch_folder(settings.root)),
            beats_before=beats_before,
        )


def _ask_for_sign(bell: Bell) -> None:
    """Have a worker write a sign of work now: one that started earlier may not do so by itself for a while."""
    with suppress(Unavailable):
        bell.ping(SIGN_SECONDS)


def get_service(request: Request) -> Service:
    """The running service of the application that got the request."""
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


ServiceDep = Annotated[Service, Depends(get_service)]
