"""SIGINT wherever CPython can call its handler while a command starts and stops a service.

CPython calls signal handlers, among others, at the start of a Python function and after the call of
a C function. It calls a profile function at the same places, which sends the signal from there.
"""

from __future__ import annotations

import inspect
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import FrameType

import pytest

from mm.embedded import connect as module
from mm.embedded import supervisor
from mm.embedded.deferred_signals import DeferredSignals
from mm.embedded.home_lock import lock_home

# A signal that is lost, or a lock that is never released, would block for ever.
pytestmark = pytest.mark.timeout(120)

FILES = ("/mm/embedded/", "/threading.py", "/contextlib.py")
Place = tuple[str, str, int, str]


class InstantSupervisor(supervisor.Supervisor):
    """Runs no processes."""

    num_created = 0

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        InstantSupervisor.num_created += 1

    def _start(self) -> None:
        self._stopping.wait(0.01)  # so that the main thread waits
        self.url = "http://127.0.0.1:9"
        self._alive.set()

    def _await_readiness(self) -> None:
        self._ready.set()

    def _stop(self) -> None:
        pass


class Interrupter:
    """A profile function that sends SIGINT at the first event at `place`, and lists all places."""

    def __init__(self, place: Place | None) -> None:
        self.places: dict[Place, None] = {}
        self.place = place

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        # An error in the profile function at the resumption of a generator, unlike one of a signal
        # handler, would end the generator without its `finally` blocks.
        is_resumption = event == "call" and code.co_flags & inspect.CO_GENERATOR
        if event not in ("call", "c_return") or is_resumption or not any(part in code.co_filename for part in FILES):
            return
        place = (code.co_filename, code.co_qualname, frame.f_lineno, event)
        self.places[place] = None
        if place == self.place:
            self.place = None
            signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def instant_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "Supervisor", InstantSupervisor)
    monkeypatch.setattr(supervisor, "POLL_SECONDS", 0.005)
    monkeypatch.setattr(module, "print_status", lambda line: None)
    monkeypatch.setattr(module, "Client", lambda url: nullcontext())
    monkeypatch.setattr(supervisor, "Client", nullcontext)


def run_command(interrupter: Interrupter, *, interrupt_body: bool) -> type[BaseException] | None:
    """Run a block with a service, and return the type of its error.

    With `interrupt_body` the block sends SIGINT, and the interrupter is active from there.
    """
    try:
        if not interrupt_body:
            sys.setprofile(interrupter)
        with module.connect(None):
            if interrupt_body:
                sys.setprofile(interrupter)
                signal.raise_signal(signal.SIGINT)
        sys.setprofile(None)
    except BaseException as error:  # noqa: BLE001  its type is the result
        sys.setprofile(None)
        return type(error)
    return None


@pytest.mark.parametrize("interrupt_body", [False, True])
def test_connect_interrupted_anywhere_ends_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupt_body: bool
) -> None:
    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.setenv("MM_HOME", str(tmp_path / "first"))
    run_command(Interrupter(None), interrupt_body=interrupt_body)  # imports modules
    listing = Interrupter(None)
    assert run_command(listing, interrupt_body=interrupt_body) is (KeyboardInterrupt if interrupt_body else None)
    assert len(listing.places) > 30
    for number, place in enumerate(listing.places):
        home = tmp_path / str(number)
        monkeypatch.setenv("MM_HOME", str(home))
        InstantSupervisor.num_created = 0
        interrupter = Interrupter(place)
        raised = run_command(interrupter, interrupt_body=interrupt_body)
        assert raised is KeyboardInterrupt or (raised is None and interrupter.place is not None), (place, raised)
        assert signal.getsignal(signal.SIGINT) is handler, place
        assert not any(thread.name == "supervisor" for thread in threading.enumerate()), place
        if InstantSupervisor.num_created:
            lock_home(home).release()


@pytest.fixture
def received() -> Iterator[list[int]]:
    """The signals SIGTERM that a handler of this process has received."""
    numbers: list[int] = []
    previous = signal.signal(signal.SIGTERM, lambda number, frame: numbers.append(number))
    yield numbers
    signal.signal(signal.SIGTERM, previous)


def test_deferred_signals_call_the_handlers_after_the_outermost_block(received: list[int]) -> None:
    with DeferredSignals() as outer:
        with DeferredSignals() as inner:
            signal.raise_signal(signal.SIGTERM)
            assert (inner.num_received, outer.num_received, received) == (1, 0, [])
        assert (outer.num_received, received) == (1, [])
    assert received == [signal.SIGTERM]


def test_deferred_signals_after_an_error_raise_the_interruption_in_its_context() -> None:
    def fail_after_a_signal() -> None:
        with DeferredSignals():
            signal.raise_signal(signal.SIGINT)
            raise ValueError("an error of the block")

    with pytest.raises(KeyboardInterrupt) as raised:
        fail_after_a_signal()
    assert isinstance(raised.value.__context__, ValueError)


def test_deferred_signals_leave_an_ignored_signal_ignored(received: list[int]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with DeferredSignals() as signals:
        signal.raise_signal(signal.SIGTERM)
        assert signals.num_received == 0
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def test_deferred_signals_in_another_thread_change_no_handler(received: list[int]) -> None:
    handlers: list[object] = []

    def enter() -> None:
        with DeferredSignals():
            handlers.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join(20)
    assert handlers == [before]
