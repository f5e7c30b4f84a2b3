"""What a task works with, opened in the process that works and never before the fork."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial

import structlog

from indexes import Store, open_store
from mm.errors import Unavailable
from mm.media import MediaReader
from mm.settings import Settings
from mm.spaces.encode.ocr_budget import OcrBudget
from workers.loaded_spaces import Spaces
from workers.messaging.dispatch import Dispatcher
from workers.sandbox_reports import LayerReporter
from workers.stall_detector import StallDetector
from workers.stop import StopFlag
from workers.sweeper import Sweeper
from workers.tasks import read_text
from workers.tasks.measure import Measuring


@dataclass(frozen=True)
class WorkerContext:
    """One working process: the store, the spaces (loaded at first use), the decoder, the
    dispatcher."""

    settings: Settings
    store: Store
    spaces: Spaces
    reader: MediaReader
    dispatcher: Dispatcher
    stop: StopFlag
    owner: str
    """Name of this process in leases and in the catalog's table of workers; never given twice."""

    ocr_budget: OcrBudget = field(default_factory=OcrBudget)
    """The time left to read text, over all chunks of this process."""

    progressed: Callable[[], None] = lambda: None
    """Called whenever the work that runs has come further."""

    def worked(self) -> None:
        """Note in the catalog that this process has really executed something just now."""
        self.store.catalog.record_heartbeat(self.owner, time.time())


def new_owner() -> str:
    """Machine, process, and a few random digits, because process ids come again."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


class ContextOwner:
    """Holds the tools of a working process. Made before the fork and empty until after it, so that
    nothing open is shared."""

    def __init__(self, settings: Settings, on_deaf: Callable[[str], None] | None = None, *, runtime: str | None = None) -> None:
        """`on_deaf` is called with the reason, from another thread, when this process must be
        started anew. `runtime` is what all processes of this worker encode with, whatever is
        measured meanwhile; None takes what holds when a process starts.
        """
        self.settings = settings
        self._runtime = runtime
        self.stall_detector = StallDetector(settings.sweep_seconds, stall_seconds=settings.stall_seconds)
        self._on_deaf = on_deaf
        self.stop = StopFlag()
        self._stack = ExitStack()
        self._tools: WorkerContext | None = None
        self._opening = threading.Lock()
        self._closed = threading.Event()

    def start(self) -> None:
        """Open the tools; while the catalog is away, keep trying from a thread.

        A task that comes in this time fails and its dispatcher is lost. Only the sweeper finds
        it again, so the next task must not be what opens the tools: where nobody else sweeps, it
        would never come.
        """
        try:
            self.open()
        except Unavailable as error:
            structlog.get_logger().warning("not ready, trying again until it is back", detail=str(error))
            threading.Thread(target=self._keep_trying, name="toolbox", daemon=True).start()

    def open(self) -> WorkerContext:
        """The tools of this process, opened at the first call, with a sweeper beside them. Raises
        `Unavailable`."""
        with self._opening:
            if self._tools is None:
                with ExitStack() as stack:
                    tools = self._open(stack)
                    self.stall_detector.begin()
                    stack.enter_context(
                        LayerReporter(tools.store.catalog, tools.owner, tools.reader, self.settings.sweep_seconds)
                    )
                    measuring = stack.enter_context(Measuring(self.settings))
                    sweeper = Sweeper(
                        tools.store,
                        tools.dispatcher,
                        self.settings,
                        self.stall_detector,
                        self._on_deaf,
                        beat=tools.worked,
                        text_waits=partial(read_text.text_waits, tools),
                        measuring=measuring,
                    )
                    stack.enter_context(sweeper)
                    self._stack = stack.pop_all()
                self._tools = tools
            return self._tools

    def close(self) -> None:
        """End the sweeper and the decoder, close the catalog."""
        self._closed.set()
        with self._opening:
            self._tools = None
            self._stack.close()

    def _keep_trying(self) -> None:
        while not self._closed.wait(self.settings.sweep_seconds):
            with suppress(Unavailable):
                self.open()
                return

    def _open(self, stack: ExitStack) -> WorkerContext:
        store = stack.enter_context(open_store(self.settings))
        encodes = self.settings if self._runtime is None else self.settings.model_copy(update={"runtime": self._runtime})
        spaces = Spaces(encodes, store.catalog)
        spaces.current()  # a space that is not to be had is told now, not by the first task
        reader = stack.enter_context(MediaReader.from_settings(self.settings))
        dispatcher = Dispatcher(self.settings)
        stack.callback(dispatcher.close)
        ocr_budget = OcrBudget(self.settings.read_text)
        owner, progressed = new_owner(), self.stall_detector.progressed
        return WorkerContext(self.settings, store, spaces, reader, dispatcher, self.stop, owner, ocr_budget, progressed)
