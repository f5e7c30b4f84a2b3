"""Opens the context of a worker process after the fork, and closes it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial

import structlog

from indexes import open_store
from mm.errors import Corrupt, Unavailable
from mm.generation.caption_model import CaptionModel, find_caption_model
from mm.media import MediaReader
from mm.settings import Settings
from mm.spaces.encode.ocr_budget import OcrBudget
from workers.context import WorkerContext, create_owner_name
from workers.loaded_spaces import LoadedSpaces
from workers.messaging.dispatch import Dispatcher
from workers.sandbox_reports import LayerReporter
from workers.stall_detector import StallDetector
from workers.stop import StopFlag
from workers.sweeper import Sweeper
from workers.tasks import read_text, write_captions
from workers.tasks.measure_runtimes import RuntimeMeasurement


class ContextOwner:
    """Holds the context of a worker process.

    It is created before the fork and opened after it, so that no open file is shared.
    """

    def __init__(self, settings: Settings, on_stall: Callable[[str], None] | None = None, *, runtime: str | None = None) -> None:
        """`on_stall` is called from another thread, with a reason, when the process must restart.

        `runtime` is the runtime of all processes of this worker; None takes the selected runtime at
        the start of each process.
        """
        self.settings = settings
        self._runtime = runtime
        self.stall_detector = StallDetector(settings.sweep_seconds, stall_seconds=settings.stall_seconds)
        self._on_stall = on_stall
        self.stop = StopFlag()
        self._stack = ExitStack()
        self._context: WorkerContext | None = None
        self._opening = threading.Lock()
        self._closed = threading.Event()

    def start(self) -> None:
        """Open the context; while the catalog is unavailable, retry in a thread.

        A task that arrives meanwhile fails, and its message is lost. Only a sweeper dispatches it
        again, so opening must not wait for the next task: without another worker none would come.
        """
        try:
            self.open()
        except Unavailable as error:
            structlog.get_logger().warning("context not opened, retrying", detail=str(error))
            threading.Thread(target=self._retry_open, name="open-context", daemon=True).start()

    def open(self) -> WorkerContext:
        """The context of this process, opened at the first call together with its sweeper.

        Raises `Unavailable` when the catalog or the space cannot be opened.
        """
        with self._opening:
            if self._context is None:
                with ExitStack() as stack:
                    context = self._open(stack)
                    self.stall_detector.reset()
                    stack.enter_context(
                        LayerReporter(context.store.catalog, context.owner, context.reader, self.settings.sweep_seconds)
                    )
                    measurement = stack.enter_context(RuntimeMeasurement(self.settings))
                    sweeper = Sweeper(
                        context.store,
                        context.dispatcher,
                        self.settings,
                        self.stall_detector,
                        self._on_stall,
                        record_heartbeat=context.record_heartbeat,
                        has_waiting_text=partial(read_text.has_waiting_text, context),
                        has_waiting_captions=partial(write_captions.has_waiting_captions, context),
                        measurement=measurement,
                    )
                    stack.enter_context(sweeper)
                    self._stack = stack.pop_all()
                self._context = context
            return self._context

    def close(self) -> None:
        """Stop the sweeper and the media reader, close the catalog."""
        self._closed.set()
        with self._opening:
            self._context = None
            self._stack.close()

    def _retry_open(self) -> None:
        while not self._closed.wait(self.settings.sweep_seconds):
            with suppress(Unavailable):
                self.open()
                return

    def _find_caption_model(self) -> CaptionModel | None:
        """None, with a message in the log, if there is none or its file is damaged."""
        try:
            model = find_caption_model(self.settings)
        except Corrupt as error:
            structlog.get_logger().error("no captions", detail=str(error))
            return None
        if model is None:
            structlog.get_logger().info("no captions: MM_CAPTIONS=off, or the trained weights are not installed")
        return model

    def _open(self, stack: ExitStack) -> WorkerContext:
        store = stack.enter_context(open_store(self.settings))
        encodes = self.settings if self._runtime is None else self.settings.model_copy(update={"runtime": self._runtime})
        spaces = LoadedSpaces(encodes, store.catalog)
        spaces.load_current()  # fails here, not in the first task, if the space is unavailable
        reader = stack.enter_context(MediaReader.from_settings(self.settings))
        dispatcher = Dispatcher(self.settings)
        stack.callback(dispatcher.close)
        ocr_budget = OcrBudget(self.settings.read_text)
        owner, record_progress = create_owner_name(), self.stall_detector.record_progress
        return WorkerContext(
            self.settings,
            store,
            spaces,
            reader,
            dispatcher,
            self.stop,
            owner,
            ocr_budget=ocr_budget,
            caption_model=self._find_caption_model(),
            record_progress=record_progress,
        )
