"""The methods of both clients, made from flows: blocking or awaited, depending on the client."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar, overload

from mm.client.flows import answers as answer_flows
from mm.client.flows import captions as caption_flows
from mm.client.flows import chat as chat_flows
from mm.client.flows import curation as curation_flows
from mm.client.flows import jobs as job_flows
from mm.client.flows import lines as line_flows
from mm.client.flows import media as media_flows
from mm.client.flows import search as search_flows
from mm.client.flows import service as service_flows
from mm.client.flows import space as space_flows

if TYPE_CHECKING:
    from mm.client.steps import AsyncDriver, Driver, Flow

P = ParamSpec("P")
T = TypeVar("T")


class Verb(Generic[P, T]):
    """Descriptor of a method with the parameters of a flow; it returns or awaits the result."""

    def __init__(self, flow: Callable[P, Flow[T]]) -> None:
        self._flow = flow
        self.__name__, self.__doc__, self.__wrapped__ = flow.__name__, flow.__doc__, flow  # for help()

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Driver, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: AsyncDriver, owner: type) -> Callable[P, Coroutine[None, None, T]]: ...
    def __get__(self, client: Driver | AsyncDriver | None, owner: type) -> object:
        if client is None:
            return self
        run: Callable[[Flow[T]], Any] = client.run

        @functools.wraps(self._flow)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return run(self._flow(*args, **kwargs))

        return call


class Verbs:
    """All methods of both clients but `events`, `line_events` and `generate`: generators."""

    add = Verb(media_flows.add)
    import_folder = Verb(media_flows.import_folder)
    item = Verb(media_flows.item)
    items = Verb(media_flows.items)
    segments = Verb(media_flows.segments)
    tags = Verb(media_flows.tags)
    timeline = Verb(media_flows.timeline)
    cameras = Verb(media_flows.cameras)
    places = Verb(media_flows.places)
    retry = Verb(media_flows.retry)
    delete = Verb(media_flows.delete)
    edit = Verb(curation_flows.edit)
    change_items = Verb(curation_flows.change_items)
    restore = Verb(curation_flows.restore)
    trash = Verb(curation_flows.trash)
    delete_for_good = Verb(curation_flows.delete_for_good)
    empty_trash = Verb(curation_flows.empty_trash)
    content = Verb(media_flows.content)
    thumbnail = Verb(media_flows.thumbnail)
    job = Verb(job_flows.job)
    jobs = Verb(job_flows.jobs)
    cancel = Verb(job_flows.cancel)
    wait = Verb(job_flows.wait_for)
    search = Verb(search_flows.search)
    export_hits = Verb(search_flows.export_hits)
    ask = Verb(answer_flows.ask)
    summarize = Verb(answer_flows.summarize)
    embed = Verb(search_flows.embed)
    caption = Verb(caption_flows.caption)
    captions = Verb(caption_flows.captions)
    models = Verb(search_flows.models)
    chat = Verb(chat_flows.chat)
    create_line = Verb(line_flows.create_line)
    line_frame = Verb(line_flows.line_frame)
    lines = Verb(line_flows.lines)
    line = Verb(line_flows.line)
    start_line = Verb(line_flows.start_line)
    stop_line = Verb(line_flows.stop_line)
    delete_line = Verb(line_flows.delete_line)
    line_parts = Verb(line_flows.line_parts)
    space = Verb(space_flows.space)
    space_options = Verb(space_flows.space_options)
    measure_space = Verb(space_flows.measure_space)
    move_space = Verb(space_flows.move_space)
    stop_move = Verb(space_flows.stop_move)
    resume_move = Verb(space_flows.resume_move)
    undo_move = Verb(space_flows.undo_move)
    wait_for_move = Verb(space_flows.wait_for_move)
    drop_space = Verb(space_flows.drop_space)
    sessions = Verb(service_flows.sessions)
    end_session = Verb(service_flows.end_session)
    audit = Verb(service_flows.audit)
    health = Verb(service_flows.health)
    ready = Verb(service_flows.ready)
