"""The components of a running service, opened and closed together; a dependency of routes."""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from api.curation.albums import Albums
from api.curation.edits import ItemEditor
from api.curation.renaming import NameUpdater
from api.export.clips import Exports
from api.forecasts import Forecasts
from api.library import Library
from api.limits.coalesced_call import CoalescedCall
from api.lines.lines import Lines
from api.lines.supervisor import LineSupervisor
from api.metrics import Metrics
from api.readiness import ReadinessChecks
from api.saved.evaluate import SearchEvaluator
from api.saved.searches import SavedSearches
from api.saved.send import MatchSender
from api.search.scratch import scratch_folder
from api.spaces.downloads import SpaceDownloads
from api.spaces.manager import SpaceManager
from api.spaces.reindex import begin_after_download
from api.thumbnails import Thumbnails
from api.uploads.ingest import Ingest
from api.voice.recognizer import SpeechRecognizer
from indexes import Store, open_store
from mm.errors import Unavailable
from mm.generation.chat.models import ChatModels
from mm.media import MediaReader
from mm.media.children.budget import MemoryBudget
from mm.models.speech.choice import SpeechOptions, find_recognizer
from mm.models.speech.tower import SpeechTower
from mm.settings import Settings
from workers.messaging.dispatch import Dispatcher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from api.spaces.tower_loader import TowerLoader
    from indexes.search.searcher import Searcher
    from mm.schemas import Check
    from mm.spaces import Space


PING_SECONDS = 60.0
"""Lifetime of the ping at startup; a worker that starts within this time receives it."""


@dataclass(frozen=True, slots=True)
class Service:
    """Components that routes use. All of them are safe to use from several threads."""

    settings: Settings
    metrics: Metrics
    store: Store
    spaces: SpaceManager
    downloads: SpaceDownloads
    query_reader: MediaReader
    """Reads the files of queries, in child processes other than those of `reader`."""
    reader: MediaReader
    """Reads uploads."""
    dispatcher: Dispatcher
    chat_models: ChatModels
    forecasts: Forecasts
    thumbnails: Thumbnails
    ingest: Ingest
    library: Library
    editor: ItemEditor
    """Changes items by hand."""
    albums: Albums
    saved_searches: SavedSearches
    exports: Exports
    lines: Lines
    recognizer: SpeechRecognizer
    """Recognizes spoken questions."""
    readiness: CoalescedCall[list[Check]]
    scratch: Path
    """Folder for the files of queries."""

    @property
    def space(self) -> Space:
        """The space that is searched. An operation of several steps uses `spaces.acquire()`."""
        return self.spaces.current.space

    @property
    def searcher(self) -> Searcher:
        return self.spaces.current.searcher

    @property
    def towers(self) -> TowerLoader:
        return self.spaces.current.towers


@contextmanager
def open_service(settings: Settings, metrics: Metrics) -> Iterator[Service]:
    """Open all components, and close them at the end. Towers load in the background.

    Raises `MMError`.
    """
    with ExitStack() as stack:
        store = stack.enter_context(open_store(settings))
        speech = SpeechOptions.from_settings(settings)
        find_recognizer(speech)  # named now, not at the first spoken question
        spaces = stack.enter_context(SpaceManager(store, settings))
        downloads = stack.enter_context(SpaceDownloads(settings, partial(begin_after_download, store, settings, spaces)))
        chat_models = stack.enter_context(ChatModels(settings))
        memory = MemoryBudget(settings.sandbox_total_memory)
        reader = stack.enter_context(MediaReader.from_settings(settings, memory))
        # Separate child processes, so that neither thumbnails nor queries delay an upload.
        query_reader = stack.enter_context(MediaReader.from_settings(settings, memory))
        thumbnail_reader = stack.enter_context(MediaReader.from_settings(settings, memory))
        thumbnails = Thumbnails(settings.root / "cache" / "thumbnails", thumbnail_reader, settings.thumbnail_seconds)
        dispatcher = Dispatcher(settings)
        library = Library(store, dispatcher)
        names = stack.enter_context(NameUpdater(store, spaces))
        checks = ReadinessChecks(store, spaces, reader, dispatcher, store.catalog.list_heartbeats())
        threading.Thread(target=_ping_workers, args=(dispatcher,), name="ping", daemon=True).start()
        service = Service(
            settings=settings,
            metrics=metrics,
            store=store,
            spaces=spaces,
            downloads=downloads,
            query_reader=query_reader,
            reader=reader,
            dispatcher=dispatcher,
            chat_models=chat_models,
            forecasts=Forecasts(store.catalog, settings.chunk_seconds),
            thumbnails=thumbnails,
            ingest=Ingest(store, dispatcher, reader, metrics),
            library=library,
            editor=ItemEditor(store, library, dispatcher, thumbnails, names.update_now),
            albums=Albums(store),
            saved_searches=SavedSearches(store, spaces),
            exports=Exports(store, library, dispatcher),
            lines=Lines(settings, store, stack.enter_context(LineSupervisor(settings))),
            recognizer=stack.enter_context(SpeechRecognizer(partial(SpeechTower, speech))),
            readiness=stack.enter_context(closing(CoalescedCall(checks.run))),
            scratch=stack.enter_context(scratch_folder(settings.root)),
        )
        stack.enter_context(SearchEvaluator(service))
        stack.enter_context(MatchSender(store))
        yield service


def _ping_workers(dispatcher: Dispatcher) -> None:
    """Request a heartbeat now: workers that are already running may not send one for a while."""
    with suppress(Unavailable):
        dispatcher.ping(PING_SECONDS)


async def get_service(request: Request) -> Service:
    """Return the service of the application."""
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


ServiceDep = Annotated[Service, Depends(get_service)]
