"""Posts signed JSON to one address.

The id of a message is the same at each attempt, so that a receiver can ignore repetitions.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mm.errors import InvalidInput
from mm.webhooks.signing import sign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TIMEOUT_SECONDS = 10.0
REFUSED = frozenset({400, 413, 415, 422})
"""Statuses about the message itself. Others, such as 401, 404 and 503, are about the receiver: they
may end, and the message is sent again."""
FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS = 0.5, 60.0
"""Pause after the first failure; it doubles with each one, up to the maximum."""


class WebhookFailed(Exception):
    """The receiver cannot be reached or is busy: the same message is sent again later."""


class WebhookRefused(Exception):
    """The receiver never takes this message."""


class WebhookSender:
    """Posts to one http or https address; redirects are not followed. Used from one thread.

    Raises `InvalidInput` for another address.
    """

    def __init__(self, url: str, secret: bytes, timeout: float = TIMEOUT_SECONDS, clock: Callable[[], float] = time.time) -> None:
        import httpx2

        check_address(url)
        self._url, self._secret, self._clock = url, secret, clock
        self._client = httpx2.Client(timeout=timeout, follow_redirects=False)
        self._errors = (httpx2.HTTPError, httpx2.InvalidURL, ValueError)  # ValueError: a host that IDNA cannot encode

    def post(self, message_id: str, message: Mapping[str, object]) -> None:
        """Return when the message is accepted. Raises `WebhookFailed`, `WebhookRefused`."""
        body = json.dumps(message, separators=(",", ":")).encode()
        timestamp = int(self._clock())
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
            raise WebhookFailed(f"The webhook does not respond: {type(error).__name__}.") from error
        if status in REFUSED:
            raise WebhookRefused(f"The webhook refused the message with status {status}.")
        if not 200 <= status < 300:
            raise WebhookFailed(f"The webhook responded with status {status}.")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def check_address(url: str) -> None:
    """Raise `InvalidInput` for an address that is not http or https."""
    try:
        parts = urlsplit(url)
        is_printable = url.isprintable() and " " not in url
        is_valid = is_printable and parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an IPv6 address that is none
        is_valid = False
    if not is_valid:
        raise InvalidInput("The address of the webhook is invalid: write https://HOST/PATH, or http://.")
