"""Webhook: each verdict is posted as JSON, signed after the Standard Webhooks specification."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from mm.line.sinks.sink import DeliveryFailed, DeliveryRefused
from mm.webhooks.sender import TIMEOUT_SECONDS, WebhookFailed, WebhookRefused, WebhookSender

if TYPE_CHECKING:
    from collections.abc import Callable

    from mm.line.types import PartRecord


class WebhookSink:
    """Posts to one http or https address. Raises `InvalidInput` for another one."""

    def __init__(self, url: str, secret: bytes, timeout: float = TIMEOUT_SECONDS, clock: Callable[[], float] = time.time) -> None:
        self._sender = WebhookSender(url, secret, timeout, clock)
        self.name = f"webhook:{hashlib.sha256(url.encode()).hexdigest()[:12]}"

    def deliver(self, record: PartRecord) -> None:
        try:
            self._sender.post(f"{record.line}:{record.part}", {"type": "part.decided", "data": record.as_json()})
        except WebhookFailed as error:
            raise DeliveryFailed(str(error)) from error
        except WebhookRefused as error:
            raise DeliveryRefused(str(error)) from error

    def close(self) -> None:
        self._sender.close()
