"""Headers of tus 1.0 (https://tus.io/protocols/resumable-upload): version, checksum, metadata."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request

from api.http.problems import build_error_response
from mm.errors import ChecksumMismatch, InvalidInput, UnsupportedVersion, WrongContentType

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFIX = "/v1/uploads"
VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,checksum,termination"
ALGORITHMS = ("sha256", "sha1", "md5")
CONTENT_TYPE = "application/offset+octet-stream"
METADATA_CHARS = 8192
METADATA_KEYS = ("filename", "tags")
"""Keys of the metadata that are used."""


class TusVersion:
    """ASGI middleware for the routes of uploads: refuses unsupported versions, sets the version
    header, and applies `X-HTTP-Method-Override`.

    It runs before authentication, which checks the scope of the overriding method.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not (scope["path"] + "/").startswith(PREFIX + "/"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        # Only of a POST, so that the same-origin rules of browsers apply to the overriding method.
        if scope["method"] == "POST" and (method := headers.get("x-http-method-override")) is not None:
            scope["method"] = method.upper()

        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Tus-Resumable"] = VERSION
            await send(message)

        if scope["method"] != "OPTIONS" and (version := headers.get("tus-resumable")) != VERSION:
            sent = "has no version" if version is None else f"has the version {version[:20]!r}"
            error = UnsupportedVersion(
                f"This service supports tus {VERSION}; the request {sent}. Send `Tus-Resumable: {VERSION}`."
            )
            response = build_error_response(Request(scope), error)
            response.headers["Tus-Version"] = VERSION
            await response(scope, receive, send_with_version)
            return
        await self._app(scope, receive, send_with_version)


class Checksum:
    """The checksum of a chunk, as the client declares it."""

    def __init__(self, header: str) -> None:
        """Raises `InvalidInput` for an unsupported algorithm or an invalid checksum."""
        name, _, value = header.partition(" ")
        if name not in ALGORITHMS:
            raise InvalidInput(f"Upload-Checksum has the algorithm {name[:20]!r}; supported are {', '.join(ALGORITHMS)}.")
        # MD5 and SHA-1 detect transmission errors; no trust depends on them.
        self._hash = hashlib.new(name, usedforsecurity=False)
        self._expected = _decode_base64(value.strip(), "Upload-Checksum")

    def update(self, data: bytes) -> None:
        self._hash.update(data)

    def verify(self) -> None:
        """Raise `ChecksumMismatch` unless the bytes match."""
        if not hmac.compare_digest(self._hash.digest(), self._expected):
            raise ChecksumMismatch("The bytes do not match Upload-Checksum; none of them was kept. Send them again.")


def is_upload_chunk(headers: Headers) -> bool:
    """Whether the body is a chunk of an upload."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() == CONTENT_TYPE


def require_upload_chunk(headers: Headers) -> None:
    """Raise `WrongContentType` unless the body is a chunk of an upload."""
    if not is_upload_chunk(headers):
        raise WrongContentType(f"The body of a PATCH is a chunk of an upload: send it as `Content-Type: {CONTENT_TYPE}`.")


def read_metadata(header: str) -> dict[str, str]:
    """Return the values of `METADATA_KEYS` in `Upload-Metadata`; other keys are ignored. Raises
    `InvalidInput`."""
    if len(header) > METADATA_CHARS:
        raise InvalidInput(f"Upload-Metadata has {len(header):,} characters; the maximum is {METADATA_CHARS:,}.")
    values: dict[str, bytes] = {}
    for pair in header.split(",") if header.strip() else ():
        key, _, value = pair.strip().partition(" ")
        if not key or not key.isascii() or not key.isprintable() or key in values:
            raise InvalidInput(f"Upload-Metadata has the key {key[:40]!r}, which is invalid or occurs twice.")
        values[key] = _decode_base64(value.strip(), f"Upload-Metadata {key[:40]}")
    try:
        return {key: values[key].decode() for key in METADATA_KEYS if key in values}
    except UnicodeDecodeError as error:
        raise InvalidInput("A value of Upload-Metadata is not UTF-8.") from error


def format_http_date(seconds: float) -> str:
    """Format a time of `time.time()` for a header."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC).replace(microsecond=0), usegmt=True)


def _decode_base64(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"{name} is not base64.") from error
