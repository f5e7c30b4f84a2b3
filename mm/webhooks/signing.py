"""Signatures and secrets of the Standard Webhooks specification 1.0.0."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from mm.errors import InvalidInput

SECRET_PREFIX = "whsec_"
MIN_SECRET_BYTES = 16


def sign(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: `v1,` and the base64 of HMAC-SHA256 over
    `{id}.{timestamp}.{body}`."""
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def parse_secret(text: str) -> bytes:
    """Decode `whsec_` and base64. Raises `InvalidInput` for another form or a short secret."""
    text = text.strip()
    try:
        secret = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:  # ValueError: not ASCII
        raise InvalidInput(
            "The secret of the webhook is not base64; write whsec_ and 24 or more random bytes in base64."
        ) from error
    if len(secret) < MIN_SECRET_BYTES:
        raise InvalidInput(f"The secret of the webhook has {len(secret)} bytes; it needs at least {MIN_SECRET_BYTES}.")
    return secret
