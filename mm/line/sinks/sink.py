"""Interface of a sink, and the two ways in which it does not accept a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mm.line.types import PartRecord


class DeliveryFailed(Exception):
    """The sink cannot be reached or is busy: the same verdict is sent again later."""


class DeliveryRefused(Exception):
    """The sink never takes this verdict: it is counted, logged and skipped."""


class Sink(Protocol):
    """Receives verdicts in order, each until it is accepted; used from one thread."""

    @property
    def name(self) -> str:
        """Identifies the sink in the journal, address included."""
        ...

    def deliver(self, record: PartRecord) -> None:
        """Return when the verdict is accepted.

        Raises `DeliveryFailed` and `DeliveryRefused`. May receive a verdict again after a crash.
        """
        ...

    def close(self) -> None:
        """Release connections and files."""
        ...
