"""What both drivers share: the address, the conversion of requests and responses, and errors."""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import httpx2

from mm.client.steps import Body, FormFile, Response, Send
from mm.errors import Conflict, InvalidInput, Unavailable

DEFAULT_URL = "http://127.0.0.1:8321"
DEFAULT_SECONDS = 180.0  # longer than the service may take to validate an upload
CONNECT_SECONDS = 5.0
KEY_VARIABLE = "MM_API_KEY"
BLOCK_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Address:
    """URL of the service, API key and timeouts."""

    url: str
    seconds: float
    """Maximum time without a byte from the service."""
    api_key: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str, seconds: float, api_key: str | None = None) -> Address:
        """Validate a URL and a key, which defaults to MM_API_KEY.

        Raises `InvalidInput` unless the URL is `http://` or `https://` and the key is printable
        ASCII without spaces.
        """
        try:
            parsed = httpx2.URL(url)
        except httpx2.InvalidURL as error:
            raise InvalidInput(f"{url!r} is not a URL: {error}.") from error
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise InvalidInput(f"{url!r} is not an HTTP URL; an example is {DEFAULT_URL}.")
        key = os.environ.get(KEY_VARIABLE, "").strip() if api_key is None else api_key
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise InvalidInput(f"The API key has characters that a key cannot have. Set it with {KEY_VARIABLE} or `api_key`.")
        return cls(url.rstrip("/"), seconds, key)

    @property
    def headers(self) -> dict[str, str]:
        """Headers of every request."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    @property
    def timeout(self) -> httpx2.Timeout:
        return httpx2.Timeout(self.seconds, connect=min(CONNECT_SECONDS, self.seconds))

    @property
    def uses_proxy(self) -> bool:
        """Whether the proxies of the environment are used; never for this machine."""
        host = httpx2.URL(self.url).host
        try:
            return not ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host != "localhost"

    @property
    def verify(self) -> ssl.SSLContext | bool:
        """For httpx2: with the certificates of the system, whose reading takes 20 ms, or none."""
        if self.uses_proxy or httpx2.URL(self.url).scheme == "https":
            return True
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Convert transport errors to `Unavailable`; that of a changed file to `Conflict`."""
        try:
            yield
        except httpx2.ConnectError as error:
            raise Unavailable(f"No service responds at {self.url}. Start one there with `mm serve`.") from error
        except httpx2.TimeoutException as error:
            raise Unavailable(f"{self.url} did not respond within {self.seconds:.0f} s.") from error
        except httpx2.LocalProtocolError as error:
            raise Conflict(f"The file changed while it was being sent: {error}.") from error
        except (httpx2.TransportError, httpx2.DecodingError, httpx2.StreamError) as error:
            raise Unavailable(f"The connection to {self.url} was lost: {error or type(error).__name__}.") from error


def build_headers(step: Send) -> dict[str, str]:
    """Return the headers of a request.

    They include the length of its body, so that the service can refuse it before it is sent.
    """
    if step.body is None:
        return dict(step.headers)
    return {"Content-Type": "application/octet-stream", **step.headers, "Content-Length": str(step.body.size)}


@contextmanager
def open_form_files(files: Sequence[FormFile]) -> Iterator[list[tuple[str, tuple[str, bytes | BinaryIO]]] | None]:
    """The files of a form, open for the duration of the block; `None` if there are none."""
    with ExitStack() as stack:

        def open_source(source: Path | bytes) -> bytes | BinaryIO:
            return source if isinstance(source, bytes) else stack.enter_context(source.open("rb"))

        yield [(file.field, (file.name, open_source(file.source))) for file in files] or None


def read_blocks(body: Body) -> Iterator[bytes]:
    """Yield a request body in blocks of `BLOCK_BYTES`; `on_sent` is called after each block."""
    position = body.start
    for block in _read_source(body.source, body.start):
        yield block
        position += len(block)
        if body.on_sent is not None:
            body.on_sent(position)


def _read_source(source: Path | bytes, start: int) -> Iterator[bytes]:
    if isinstance(source, bytes):
        view = memoryview(source)[start:]
        yield from (bytes(view[start : start + BLOCK_BYTES]) for start in range(0, len(view), BLOCK_BYTES))
        return
    with source.open("rb") as file:
        file.seek(start)
        while block := file.read(BLOCK_BYTES):
            yield block


def build_response(response: httpx2.Response, body: bytes) -> Response:
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Response(str(response.url), response.status_code, media_type, body, dict(response.headers))
