"""Outbox: order, retries, a sink that is down, refusals, restarts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mm.errors import StorageFull
from mm.line.records.ledger import Ledger
from mm.line.records.outbox import Outbox
from mm.line.sinks.sink import DeliveryFailed, DeliveryRefused
from mm.line.types import PartRecord
from tests.line.parts import record


@dataclass
class ListSink:
    """Fails `num_failures` times, refuses the parts of `refused`, and keeps the others."""

    name: str = "list"
    num_failures: int = 0
    refused: frozenset[str] = frozenset()
    parts: list[str] = field(default_factory=list)
    is_closed: bool = False

    def deliver(self, record: PartRecord) -> None:
        if self.num_failures:
            self.num_failures -= 1
            raise DeliveryFailed("down")
        if record.part in self.refused:
            raise DeliveryRefused("no")
        self.parts.append(record.part)

    def close(self) -> None:
        self.is_closed = True


def run(folder: Path, sinks: list[ListSink], parts: str = "", drain_seconds: float = 30.0) -> Ledger:
    with Ledger(folder, [sink.name for sink in sinks]) as ledger:
        outbox = Outbox(ledger, sinks, first_retry=0.001, max_retry=0.002)
        outbox.start()
        for part in parts:
            ledger.decide(record(part))
        outbox.stop(drain_seconds)
    return ledger


def test_outbox_failing_sink_receives_all_in_order(tmp_path: Path) -> None:
    failing, other = ListSink("failing", num_failures=7), ListSink("other")
    run(tmp_path / "press", [failing, other], "abcd")
    assert failing.parts == other.parts == ["a", "b", "c", "d"]
    assert failing.is_closed


def test_outbox_sink_down_until_the_next_run_receives_all(tmp_path: Path) -> None:
    down = ListSink(num_failures=1_000_000)
    run(tmp_path / "press", [down], "ab", drain_seconds=0.05)
    assert down.parts == []
    up = ListSink()
    run(tmp_path / "press", [up], "c")
    assert up.parts == ["a", "b", "c"]


def test_outbox_refused_verdict_does_not_block_the_next(tmp_path: Path) -> None:
    sink = ListSink(refused=frozenset("b"))
    ledger = run(tmp_path / "press", [sink], "abc")
    assert sink.parts == ["a", "c"]
    assert ledger.num_refused("list") == 1


def test_outbox_unexpected_error_of_a_sink_is_retried(tmp_path: Path) -> None:
    class Broken(ListSink):
        def deliver(self, record: PartRecord) -> None:
            if not self.parts:
                self.parts.append("error")
                raise RuntimeError("a defect of the sink")
            super().deliver(record)

    sink = Broken()
    run(tmp_path / "press", [sink], "a")
    assert sink.parts == ["error", "a"]


def test_outbox_delivery_that_cannot_be_recorded_is_sent_again(tmp_path: Path) -> None:
    class FullOnce(Ledger):
        is_full = True

        def accept(self, sink: str, sequence: int, refusal: str = "") -> None:
            is_full, self.is_full = self.is_full, False
            if is_full:
                raise StorageFull("The journal cannot be written.")
            super().accept(sink, sequence, refusal)

    sink = ListSink()
    with FullOnce(tmp_path / "press", [sink.name]) as ledger:
        outbox = Outbox(ledger, [sink], first_retry=0.001, max_retry=0.002)
        outbox.start()
        for part in "ab":
            ledger.decide(record(part))
        outbox.stop(30.0)
        assert ledger.num_pending(sink.name) == 0
    assert sink.parts == ["a", "a", "b"]
