"""Webhook: each verdict is posted as JSON, signed after the Standard Webhooks specification 1.0.0.

The signature is `v1,` and the base64 of HMAC-SHA256 over `{id}.{timestamp}.{body}`; the id is the
same at each attempt, so that a receiver can ignore repetitions.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mm.errors import InvalidInput
from mm.line.sinks.sink import DeliveryFailed, DeliveryRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from mm.line.types import PartRecord

TIMEOUT_SECONDS = 10.0
SECRET_PREFIX = "whsec_"
REFUSED = frozenset({400, 413, 415, 422})
"""Statuses about the verdict itself. Others, such as 401, 404 and 503, are about the receiver:
they may end, and the verdict is sent again."""
MIN_SECRET_BYTES = 16


def sign(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def parse_secret(text: str) -> bytes:
    """Decode `whsec_` and base64. Raises `InvalidInput` for another form or a short secret."""
    text = text.strip()
    try:
        secret = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise InvalidInput(
            "The secret of the webhook is not base64; write whsec_ and 24 or more random bytes in base64."
        ) from error
    if len(secret) < MIN_SECRET_BYTES:
        raise InvalidInput(f"The secret of the webhook has {len(secret)} bytes; it needs at least {MIN_SECRET_BYTES}.")
    return secret


class WebhookSink:
    """Posts to one http or https address; redirects are not followed."""

    def __init__(self, url: str, secret: bytes, timeout: float = TIMEOUT_SECONDS, clock: Callable[[], float] = time.time) -> None:
        import httpx2

        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidInput("The address of the webhook is invalid: write https://HOST/PATH, or http://.")
        self._url, self._secret, self._clock = url, secret, clock
        self._client = httpx2.Client(timeout=timeout, follow_redirects=False)
        self._errors = httpx2.HTTPError
        self.name = f"webhook:{hashlib.sha256(url.encode()).hexdigest()[:12]}"

    def deliver(self, record: PartRecord) -> None:
        body = json.dumps({"type": "part.decided", "data": record.as_json()}, separators=(",", ":")).encode()
        message_id, timestamp = f"{record.line}:{record.part}", int(self._clock())
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(self._secret, message_id, timestamp, body),
        }
        try:
            with self._client.stream("POST", self._url, content=body, headers=headers) as response:  # the body is not read
                status = response.status_code
        except self._errors as error:
            raise DeliveryFailed(f"The webhook does not respond: {type(error).__name__}.") from error
        if status in REFUSED:
            raise DeliveryRefused(f"The webhook refused the verdict with status {status}.")
        if not 200 <= status < 300:
            raise DeliveryFailed(f"The webhook responded with status {status}.")

    def close(self) -> None:
        self._client.close()
