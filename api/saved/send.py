"""Sends the matches of saved searches to their webhooks, each until it is accepted or refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import structlog

from indexes.catalog.changes.commit_thread import CommitThread
from mm.webhooks.sender import (
    FIRST_RETRY_SECONDS,
    MAX_RETRY_SECONDS,
    TIMEOUT_SECONDS,
    WebhookFailed,
    WebhookRefused,
    WebhookSender,
)
from mm.webhooks.signing import parse_secret

if TYPE_CHECKING:
    from indexes import Store
    from indexes.catalog.records import DueMatch

log = structlog.get_logger()
LEASE_SECONDS = 6 * TIMEOUT_SECONDS
"""Time after which another process sends a match whose sender was killed; longer than an attempt,
which may wait for the connection, for writing and for reading."""
ERROR_SECONDS = 5.0
BUSY_SECONDS = 0.5


class MatchSender:
    """Sends what the catalog lists, in the order of the matches of each search.

    Delivery is at least once: after a kill the same match may be sent again, with the same id. What
    waits, and until when, is in the catalog. The thread runs inside a `with` block.
    """

    def __init__(self, store: Store) -> None:
        self._catalog = store.catalog
        self._thread = CommitThread(store.watch, "webhooks", self.send_next, "matches not sent", ERROR_SECONDS)

    def __enter__(self) -> Self:
        self._thread.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.__exit__(*error)

    def send_next(self) -> float | None:
        """Send one match, if one is due. Returns the seconds until the next one; None without one.

        Raises `Unavailable`.
        """
        next_at = self._catalog.get_next_delivery()
        if next_at is None:
            return None
        seconds = (next_at - datetime.now(UTC)).total_seconds()
        if seconds > 0:
            return seconds
        due = self._catalog.claim_delivery(LEASE_SECONDS)
        if due is None:  # another process sends it
            return BUSY_SECONDS
        self._send(due)
        return 0.0

    def _send(self, due: DueMatch) -> None:
        pk = due.match.pk
        try:
            sender = WebhookSender(due.webhook.url, parse_secret(due.webhook.secret))
            try:
                sender.post(f"{due.search_id}:{pk}", {"type": "search.matched", "data": _describe(due)})
            finally:
                sender.close()
        except WebhookRefused as error:
            log.error("match refused", search=due.search_id, match=pk, error=str(error))
            self._catalog.finish_delivery(pk, "refused", str(error))
        except WebhookFailed as error:
            log.warning("match not sent", search=due.search_id, match=pk, error=str(error))
            pause = min(FIRST_RETRY_SECONDS * 2 ** min(due.num_attempts, 10), MAX_RETRY_SECONDS)
            self._catalog.finish_delivery(pk, "waiting", str(error), pause)
        else:
            self._catalog.finish_delivery(pk, "sent")


def _describe(due: DueMatch) -> dict[str, object]:
    match = due.match
    return {
        "search": due.search_id,
        "name": due.search_name,
        "match": match.pk,
        "item": match.item.id,
        "item_name": match.item.name,
        "kind": match.item.kind,
        "start": match.start,
        "end": match.end,
        "best_start": match.best_start,
        "score": match.score,
        "band": match.band,
        "matched_at": match.matched_at.isoformat(),
    }
