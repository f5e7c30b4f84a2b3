"""The parts a running service is made of, opened and closed together; routes get them as one typed
dependency."""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from api.forecasts import Forecasts
from api.library import Library
from api.limits.coalesced_call import CoalescedCall
from api.metrics import Metrics
from api.readiness import look
from api.search.scratch import scratch_folder
from api.spaces.manager import SpaceManager
from api.thumbnails import Thumbnails
from indexes import Store, open_store
from mm.errors import Unavailable
from mm.media import MediaReader
from mm.media.children.budget import MemoryBudget
from mm.settings import Settings
from workers.messaging.dispatch import Dispatcher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from api.spaces.tower_loader import TowerLoader
    from indexes.search.searcher import Searcher
    from mm.schemas import Check
    from mm.spaces import Space


SIGN_SECONDS = 60.0
"""How long a worker that is not there yet may take to give the first sign of work."""


@dataclass(frozen=True, slots=True)
class Service:
    """What routes need. Everything in it may be used from several threads."""

    settings: Settings
    metrics: Metrics
    store: Store
    serving: SpaceManager
    dispatcher: Dispatcher
    query_reader: MediaReader
    """Opens the files of questions; what uploads wait for has children of its own."""
    forecasts: Forecasts
    reader: MediaReader
    thumbnails: Thumbnails
    library: Library
    readiness: CoalescedCall[list[Check]]
    scratch: Path  # for files of questions
    beats_before: frozenset[tuple[str, float]]  # signs of life of workers that are older than the service

    @property
    def space(self) -> Space:
        """The space that answers now. Whoever makes an answer of several steps takes
        `serving.use()`."""
        return self.serving.current.space

    @property
    def searcher(self) -> Searcher:
        return self.serving.current.searcher

    @property
    def towers(self) -> TowerLoader:
        return self.serving.current.towers


@contextmanager
def open_service(settings: Settings, metrics: Metrics) -> Iterator[Service]:
    """Open every part, and close what was opened whatever happens. TowerLoader load in the
    background."""
    with ExitStack() as stack:
        store = stack.enter_context(open_store(settings))
        serving = stack.enter_context(SpaceManager(store, settings))
        memory = MemoryBudget(settings.sandbox_total_memory)
        reader = stack.enter_context(MediaReader.from_settings(settings, memory))
        # Children of their own: neither a page of thumbnails nor a question keeps an upload
        # waiting.
        query_reader = stack.enter_context(MediaReader.from_settings(settings, memory))
        thumbnail_reader = stack.enter_context(MediaReader.from_settings(settings, memory))
        thumbnails = Thumbnails(settings.root / "cache" / "thumbnails", thumbnail_reader, settings.thumbnail_seconds)
        dispatcher = Dispatcher(settings)
        beats_before = store.catalog.list_heartbeats()
        threading.Thread(target=_ask_for_sign, args=(dispatcher,), name="ping", daemon=True).start()
        readiness = stack.enter_context(closing(CoalescedCall(lambda: look(service))))
        service = Service(
            settings=settings,
            metrics=metrics,
            store=store,
            serving=serving,
            dispatcher=dispatcher,
            query_reader=query_reader,
            forecasts=Forecasts(store.catalog, settings.chunk_seconds),
            reader=reader,
            thumbnails=thumbnails,
            library=Library(store, dispatcher, reader, thumbnails, metrics, settings.upload_bytes),
            scratch=stack.enter_context(scratch_folder(settings.root)),
            beats_before=beats_before,
            readiness=readiness,
        )
        yield service


def _ask_for_sign(dispatcher: Dispatcher) -> None:
    """Have a worker write a sign of work now: one that started earlier may not do so by itself for
    a while."""
    with suppress(Unavailable):
        dispatcher.ping(SIGN_SECONDS)


async def get_service(request: Request) -> Service:
    """The running service of the application that got the request."""
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


ServiceDep = Annotated[Service, Depends(get_service)]
