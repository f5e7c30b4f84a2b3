"""The words of tus 1.0 (https://tus.io/protocols/resumable-upload): its headers, and what each
request and answer has of them."""

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
NAMES = ("filename", "tags")
"""What is read of the metadata."""


class TusVersion:
    """ASGI middleware for the routes of uploads: refuses other versions, names ours, and reads the
    method that a proxy forbade.

    It stands before the guard, which asks for the scope that the method really meant needs.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not (scope["path"] + "/").startswith(PREFIX + "/"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        # Only of a POST: the browser's same-origin rules then hold for what it stands for.
        if scope["method"] == "POST" and (method := headers.get("x-http-method-override")) is not None:
            scope["method"] = method.upper()

        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Tus-Resumable"] = VERSION
            await send(message)

        if scope["method"] != "OPTIONS" and (given := headers.get("tus-resumable")) != VERSION:
            asked = "names no version" if given is None else f"is of version {given[:20]!r}"
            error = UnsupportedVersion(f"This speaks tus {VERSION}, and the request {asked}: send `Tus-Resumable: {VERSION}`.")
            refusal = build_error_response(Request(scope), error)
            refusal.headers["Tus-Version"] = VERSION
            await refusal(scope, receive, send_with_version)
            return
        await self._app(scope, receive, send_with_version)


class Checksum:
    """What the caller says that its bytes hash to."""

    def __init__(self, header: str) -> None:
        """Raises `InvalidInput` for an algorithm that is not spoken here, or no checksum."""
        name, _, value = header.partition(" ")
        if name not in ALGORITHMS:
            raise InvalidInput(f"Upload-Checksum is by {name[:20]!r}; known are {', '.join(ALGORITHMS)}.")
        # MD5 and SHA-1 find what a line garbled; nothing is trusted because of them.
        self._hash = hashlib.new(name, usedforsecurity=False)
        self._wanted = _from_base64(value.strip(), "Upload-Checksum")

    def update(self, data: bytes) -> None:
        self._hash.update(data)

    def verify(self) -> None:
        """Raise `ChecksumMismatch` unless the bytes are those that were sent."""
        if not hmac.compare_digest(self._hash.digest(), self._wanted):
            raise ChecksumMismatch("The bytes do not match their Upload-Checksum; none of them was kept. Send them again.")


def is_upload_chunk(headers: Headers) -> bool:
    """Whether the body is a piece of an upload."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() == CONTENT_TYPE


def require_upload_chunk(headers: Headers) -> None:
    """Raise `WrongContentType` unless the body is a piece of an upload."""
    if not is_upload_chunk(headers):
        raise WrongContentType(f"The body of a PATCH is a piece of an upload: send it as `Content-Type: {CONTENT_TYPE}`.")


def read_metadata(header: str) -> dict[str, str]:
    """`NAMES` of them that `Upload-Metadata` has; what else it says is the caller's own. Raises
    `InvalidInput`."""
    if len(header) > METADATA_CHARS:
        raise InvalidInput(f"Upload-Metadata has {len(header):,} characters; at most {METADATA_CHARS:,} are read.")
    found: dict[str, bytes] = {}
    for pair in header.split(",") if header.strip() else ():
        key, _, value = pair.strip().partition(" ")
        if not key or not key.isascii() or not key.isprintable() or key in found:
            raise InvalidInput(f"Upload-Metadata has the key {key[:40]!r}, which is none or comes twice.")
        found[key] = _from_base64(value.strip(), f"Upload-Metadata {key[:40]}")
    try:
        return {key: found[key].decode() for key in NAMES if key in found}
    except UnicodeDecodeError as error:
        raise InvalidInput("A value of Upload-Metadata is not UTF-8.") from error


def http_date(seconds: float) -> str:
    """A time of `time.time()` as headers have it."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC).replace(microsecond=0), usegmt=True)


def _from_base64(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"{what} is not base64.") from error
