"""Delivers verdicts to sinks: in order, each until the sink has accepted it.

A sink that is down for an hour receives everything afterwards. Delivery is at least once: after a
crash the same verdict may be sent again, with the same part id and sequence number.
"""

from __future__ import annotations

import threading
from random import Random
from typing import TYPE_CHECKING

import structlog

from mm.errors import StorageFull
from mm.line.sinks.sink import DeliveryFailed, DeliveryRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.line.records.ledger import Ledger
    from mm.line.sinks.sink import Sink
    from mm.line.types import PartRecord

log = structlog.get_logger()
FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS = 0.5, 60.0
JITTER = 0.2  # of a delay, so that sinks that failed together are not tried together
POLL_SECONDS = 0.5


class Outbox:
    """One thread for each sink: a slow sink delays no other."""

    def __init__(
        self,
        ledger: Ledger,
        sinks: Sequence[Sink],
        first_retry: float = FIRST_RETRY_SECONDS,
        max_retry: float = MAX_RETRY_SECONDS,
    ) -> None:
        self._ledger, self._sinks = ledger, sinks
        self._first_retry, self._max_retry = first_retry, max_retry
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start to deliver what the ledger holds, verdicts of earlier runs first."""
        for sink in self._sinks:
            thread = threading.Thread(target=self._deliver_all, args=(sink,), name=f"line-{sink.name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, drain_seconds: float) -> None:
        """Wait for the sinks up to `drain_seconds`, then end; the rest stays in the ledger."""
        if self._threads and drain_seconds > 0:
            self._ledger.wait_until_accepted(drain_seconds)
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _deliver_all(self, sink: Sink) -> None:
        delay, jitter = self._first_retry, Random(sink.name)
        try:
            while not self._stop.is_set():
                record = self._ledger.next_for(sink.name, POLL_SECONDS)
                if record is None:
                    continue
                if self._deliver(sink, record):
                    delay = self._first_retry
                else:
                    self._stop.wait(delay * (1 + JITTER * jitter.random()))
                    delay = min(2 * delay, self._max_retry)
        finally:
            sink.close()

    def _deliver(self, sink: Sink, record: PartRecord) -> bool:
        """Return whether the sink is done with the record."""
        refusal = ""
        try:
            sink.deliver(record)
        except DeliveryRefused as error:
            log.error("verdict refused", sink=sink.name, part=record.part, error=str(error))
            refusal = str(error)
        except DeliveryFailed as error:
            log.warning("delivery failed", sink=sink.name, part=record.part, error=str(error))
            return False
        except Exception as error:  # noqa: BLE001 - a sink must not end the line; the record stays in the outbox
            log.error("delivery failed", sink=sink.name, part=record.part, error=repr(error))
            return False
        try:
            self._ledger.accept(sink.name, record.sequence, refusal)
        except StorageFull as error:  # the same verdict is sent again, with the same id
            log.error("delivery not recorded", sink=sink.name, part=record.part, error=str(error))
            return False
        return True
