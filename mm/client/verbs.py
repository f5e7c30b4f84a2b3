"""The verbs as methods that block or are awaited, whichever the client they are called on does."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar, overload

from mm.client import flows

if TYPE_CHECKING:
    from mm.client.asynchronous import AsyncDriver
    from mm.client.steps import Flow
    from mm.client.synchronous import Driver

P = ParamSpec("P")
T = TypeVar("T")


class Verb(Generic[P, T]):
    """A method made of a flow: same parameters, and the flow's result at once or awaited."""

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
    """What both clients can do, beside `events`."""

    add = Verb(flows.add)
    import_folder = Verb(flows.import_folder)
    item = Verb(flows.item)
    items = Verb(flows.items)
    segments = Verb(flows.segments)
    tags = Verb(flows.tags)
    retry = Verb(flows.retry)
    delete = Verb(flows.delete)
    content = Verb(flows.content)
    thumbnail = Verb(flows.thumbnail)
    job = Verb(flows.job)
    jobs = Verb(flows.jobs)
    cancel = Verb(flows.cancel)
    wait = Verb(flows.wait_for)
    search = Verb(flows.search)
    embed = Verb(flows.embed)
    models = Verb(flows.models)
    space = Verb(flows.space)
    move_space = Verb(flows.move_space)
    stop_move = Verb(flows.stop_move)
    resume_move = Verb(flows.resume_move)
    undo_move = Verb(flows.undo_move)
    wait_for_move = Verb(flows.wait_for_move)
    drop_space = Verb(flows.drop_space)
    sessions = Verb(flows.sessions)
    end_session = Verb(flows.end_session)
    audit = Verb(flows.audit)
    health = Verb(flows.health)
    ready = Verb(flows.ready)
